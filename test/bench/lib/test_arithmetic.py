"""The arithmetic of the bench: python3 -m unittest discover test/bench/lib. `run` and `soak` begin with it."""
import os, sys, tempfile, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import api, drops, slope, table

SNMP = """Ip: Forwarding DefaultTTL
Ip: 1 64
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
Udp: 100 2 7 90 7 0
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
UdpLite: 0 0 0 0 0 0
"""
UDP = """   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  12: 0100007F:13C8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 5
  13: 0100007F:2710 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
"""


class Slope(unittest.TestCase):
    def test_a_line_is_found(self):
        self.assertEqual(slope.line([(0, 1), (1, 3), (2, 5)]), (2, 1))

    def test_the_second_half_is_of_the_time(self):
        self.assertEqual(slope.second_half([(0, 0), (1, 0), (9, 0), (10, 0)]), [(9, 0), (10, 0)])

    def test_growth_before_the_middle_does_not_count(self):
        points = [(t, min(t, 50)) for t in range(101)]
        self.assertEqual(slope.verdict(points, 0.01, 0), (0, 0, True))

    def test_growth_after_it_does(self):
        growth, share, flat = slope.verdict([(t, 100 + t) for t in range(101)], 0.05, 0)
        self.assertEqual((round(growth), round(share, 2), flat), (50, 0.33, False))

    def test_falling_is_flat(self):
        self.assertTrue(slope.verdict([(t, 100 - t) for t in range(101)], 0, 0)[2])

    def test_a_little_of_nothing_is_flat(self):
        self.assertTrue(slope.verdict([(t, t % 2) for t in range(101)], 0, 1)[2])


class Drops(unittest.TestCase):
    def test_of_the_namespace(self):
        self.assertEqual(drops.in_namespace(SNMP), 7)

    def test_of_sockets(self):
        self.assertEqual(drops.by_inode(UDP), {"4711": 5, "4712": 0})

    def test_growth(self):
        self.assertEqual(drops.grown({"1": 5, "2": 1}, {"1": 7, "3": 4}), 6)


class Table(unittest.TestCase):
    def setUp(self):
        line = dict(test="media", note="100", server="trunkline")
        self.rows = table.Rows([dict(line, discarded=True, us_per_op=99), dict(line, repeat=0, us_per_op=1, p50=30, p99=90, lost=1),
                                dict(line, repeat=1, us_per_op=3, p50=20, p99=70, lost=2), dict(line, server="direct", repeat=0, p50=5, p99=10)])

    def test_what_was_discarded_does_not_count(self):
        self.assertEqual(self.rows.cost(("media", "100"), "trunkline"), 2)

    def test_the_generators_own_latency_is_subtracted(self):
        self.assertEqual(self.rows.latency(("media", "100"), "trunkline"), "0.02 / 0.07")

    def test_threads_are_told_by_name(self):
        rows = table.Rows([dict(test="call", note="", server="s", repeat=n, threads={"shard-0": 4 + n, "shard-1": 9, "office": 1}) for n in (0, 2, 4)])
        self.assertEqual((rows.threads(("call", ""), "s", "shard"), rows.threads(("call", ""), "s", "office", "sqlx")), ([6, 9], [1]))

    def test_losses_add_up(self):
        self.assertEqual((self.rows.lost(("media", "100"), "trunkline"), self.rows.lost(("media", "100"), "kamailio")), ("3", "–"))

    def test_due(self):
        self.assertEqual([table.met(0.6, 0.6), table.met(0.61, 0.6), table.met(2500, 2500, True), table.met(None, 1)],
                         ["met", "missed", "met", ""])


class Document(unittest.TestCase):
    def test_only_what_is_between_the_marks_changes(self):
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write("a\n<!-- x -->\nold\n<!-- end -->\nb\n<!-- y -->\nkept\n<!-- end -->\n")
            file.flush()
            table.put(file.name, "x", "new\n")
            self.assertEqual(open(file.name).read(), "a\n<!-- x -->\nnew\n<!-- end -->\nb\n<!-- y -->\nkept\n<!-- end -->\n")


class Metrics(unittest.TestCase):
    def test_a_page(self):
        self.assertEqual(api.metrics('# HELP a b\na 1\nb{c="d e"} 2\n'), {"a": 1, 'b{c="d e"}': 2})


if __name__ == "__main__":
    unittest.main()
