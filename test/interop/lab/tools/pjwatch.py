"""A headless PJSIP phone that watches, publishes and sends messages; prints one JSON line. Run by pjsua.sh --tool pjwatch.
--addr 127.0.0.21 --user U --password P --server HOST[:PORT] [--port 5060] [--transport udp|tcp] [--seconds 5]
[--presence sip:X@Y] [--mwi] [--publish away|busy] [--message sip:X@Y --text TEXT]"""
import argparse, json, time
import pjsua2 as pj

a = argparse.ArgumentParser()
for k in "addr user password server presence publish message".split():
    a.add_argument("--" + k)
for k, v in dict(port=5060, seconds=5).items():
    a.add_argument("--" + k, type=int, default=v)
a.add_argument("--transport", default="udp")
a.add_argument("--text", default="hello")
a.add_argument("--mwi", action="store_true")
o = a.parse_args()
out = {"ok": False, "reg": None, "presence": [], "mwi": [], "sent": [], "got": []}


class Account(pj.Account):
    def onRegState(self, prm):
        out["reg"] = prm.code

    def onMwiInfo(self, prm):
        out["mwi"].append([prm.state, prm.rdata.wholeMsg.partition("\r\n\r\n")[2]])

    def onInstantMessage(self, prm):
        out["got"].append([prm.fromUri, prm.contentType, prm.msgBody])

    def onInstantMessageStatus(self, prm):
        out["sent"].append(int(prm.code))


class Buddy(pj.Buddy):
    def onBuddyState(self):
        i = self.getInfo()
        seen = [i.subStateName, i.presStatus.status, i.presStatus.statusText, i.presStatus.note]
        if out["presence"][-1:] != [seen]:
            out["presence"].append(seen)


def run(ep, seconds, until=lambda: False):
    end = time.time() + seconds
    while time.time() < end and not until():
        ep.libHandleEvents(20)


ep = pj.Endpoint()
ep.libCreate()
c = pj.EpConfig()
c.logConfig.level = c.logConfig.consoleLevel = 4
c.uaConfig.threadCnt = 0
c.uaConfig.mainThreadOnly = True
ep.libInit(c)
t = pj.TransportConfig()
t.boundAddress, t.publicAddress, t.port = o.addr, o.addr, o.port
ep.transportCreate(dict(udp=pj.PJSIP_TRANSPORT_UDP, tcp=pj.PJSIP_TRANSPORT_TCP)[o.transport], t)
ep.audDevManager().setNullDev()
ep.libStart()
host, via = o.server.split(":")[0], f";transport={o.transport}"
ac = pj.AccountConfig()
ac.idUri = f"sip:{o.user}@{host}"
ac.regConfig.registrarUri = f"sip:{o.server}{via}"
ac.regConfig.timeoutSec = 60
ac.sipConfig.proxies.append(f"sip:{o.server}{via};lr")
ac.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", o.user, 0, o.password))
ac.presConfig.publishEnabled = bool(o.publish)
ac.mwiConfig.enabled = o.mwi
acc = Account()
acc.create(ac)
run(ep, 5, lambda: out["reg"])
buddies = []
if o.presence:
    bc = pj.BuddyConfig()
    bc.uri, bc.subscribe = o.presence, True
    b = Buddy()
    b.create(acc, bc)
    buddies.append(b)
if o.publish:
    ps = pj.PresenceStatus()
    ps.status = pj.PJSUA_BUDDY_STATUS_ONLINE
    ps.activity = dict(away=pj.PJRPID_ACTIVITY_AWAY, busy=pj.PJRPID_ACTIVITY_BUSY)[o.publish]
    ps.note = o.publish
    acc.setOnlineStatus(ps)
if o.message:
    bc = pj.BuddyConfig()
    bc.uri, bc.subscribe = o.message, False
    b = Buddy()
    b.create(acc, bc)
    p = pj.SendInstantMessageParam()
    p.content = o.text
    b.sendInstantMessage(p)
    buddies.append(b)
run(ep, o.seconds)
out["ok"] = out["reg"] == 200
print(json.dumps(out), flush=True)
for b in buddies:
    b.__disown__()
ep.libDestroy()
