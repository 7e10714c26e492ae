#!/usr/bin/env python3
"""mkusers.py COUNT FOLDER [DOMAIN] : the users of a bench, as CSV for SIPp and as SQLite for Kamailio.
Users are u000000…, passwords pw000000…; callees are drawn at random, the same on every run. In relayed.csv the
callers are r000000… to r000499, by turns, in trunk.csv the callees are numbers; only Trunkline has these."""
import hashlib, os, random, sqlite3, sys

count, folder = int(sys.argv[1]), sys.argv[2]
domain = sys.argv[3] if len(sys.argv) > 3 else "bench.test"
drawn = random.Random(1)


def user(i, prefix="u"):
    return f"{prefix}{i:06}"


def credentials(i, prefix="u"):
    return f"[authentication username={user(i, prefix)} password=pw{i:06}]"


def call(i, prefix="u"):
    return f"{user(i, prefix)};{credentials(i, prefix)};{user(drawn.randrange(count))};\n"


os.makedirs(folder, exist_ok=True)
with open(f"{folder}/register.csv", "w") as out:
    out.write("SEQUENTIAL\n" + "".join(f"{user(i)};{credentials(i)};\n" for i in range(count)))
with open(f"{folder}/call.csv", "w") as out:
    out.write("SEQUENTIAL\n" + "".join(call(i) for i in range(count)))
with open(f"{folder}/relayed.csv", "w") as out:
    out.write("SEQUENTIAL\n" + "".join(call(i % 500, "r") for i in range(min(count, 20000))))
with open(f"{folder}/trunk.csv", "w") as out:
    out.write("SEQUENTIAL\n" + "".join(f"{user(i)};{credentials(i)};+3712{i:07};\n" for i in range(min(count, 20000))))

path = f"{folder}/users.sqlite"
if os.path.exists(path):
    os.unlink(path)
database = sqlite3.connect(path)
database.executescript("""
create table version(table_name varchar(32) not null, table_version integer default 0 not null);
insert into version values('ha1', 2);
create table ha1(id integer primary key, key_name varchar(64), key_type integer default 0, value_type integer default 0,
                 key_value varchar(128), expires integer default 0);
""")
database.executemany("insert into ha1(key_name, key_value) values(?, ?)",
                     [(user(i), hashlib.md5(f"{user(i)}:{domain}:pw{i:06}".encode()).hexdigest()) for i in range(count)])
database.commit()
