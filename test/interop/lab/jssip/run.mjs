// run.mjs: a browser (headless Chromium) as a SIP phone over WebSocket; prints one JSON object.
//   --ws URL --uri sip:USER@DOMAIN --password P [--no-register] [--auth-user U]
//   --call sip:TARGET | --answer (waits for a call)   [--seconds 5] [--wait 20] [--tone HZ | --play FILE.wav]
//   [--codec opus|PCMA|PCMU|G722] [--dtmf 1234 --dtmf-by rfc2833|info] [--hold SECONDS]
//   [--ice 'stun:HOST:PORT'] [--chromium PATH | --at HOST:PORT (one that runs, which plays no file)] [--header 'X: y']... [--show]
//   [--any-candidate] (not only 127.x)   [--sdp] (adds the SDPs to the result)
//   [--hidden] (candidates by names of mDNS)   [--bare] (no candidate at all)   [--misnamed] (a wrong fingerprint)
//   [--restart-after SECONDS] (of ICE, by re-INVITE)   [--record FILE.wav] (what it hears)
//   [--digits] (says which arrived as telephone-events)
//   [--streams] (no UDP: it sees only candidates of TCP)
//   [--times N] (that many calls, one after the other)
//   [--message 'sip:X TEXT']... [--options sip:X]... [--watch 'presence|dialog|message-summary sip:X']...
//   [--contact sip:...] (its Contact)   [--vanish] (ends without a word)
//   [--idle SECONDS] (without a call)   [--drop-after SECONDS] (the socket breaks; during a call counted from its start)
import { createServer } from 'node:http';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const flags = ['--vanish', '--no-register', '--answer', '--show', '--any-candidate', '--sdp', '--hidden', '--bare', '--misnamed', '--streams', '--digits'];
const o = { headers: [], message: [], options: [], watch: [], seconds: '5', wait: '20', idle: '0', times: '1', 'dtmf-by': 'rfc2833' };
for (let a = process.argv.slice(2), i = 0; i < a.length; i++) {
  const k = a[i].replace(/^--/, '');
  if (flags.includes(a[i])) o[k] = true;
  else if (k === 'header') o.headers.push(a[++i]);
  else if (Array.isArray(o[k])) o[k].push(a[++i]);
  else o[k] = a[++i];
}
const sleep = ms => new Promise(r => setTimeout(r, ms));
const wav = samples => {                 // 16 kHz, 16 bit, mono
  const head = Buffer.alloc(44);
  head.write('RIFF'); head.writeUInt32LE(36 + samples.length, 4); head.write('WAVEfmt ', 8); head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20); head.writeUInt16LE(1, 22); head.writeUInt32LE(16000, 24); head.writeUInt32LE(32000, 28);
  head.writeUInt16LE(2, 32); head.writeUInt16LE(16, 34); head.write('data', 36); head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
};
const t0 = Date.now();
const profile = mkdtempSync(join(tmpdir(), 'lab-browser-'));
const server = createServer((q, r) => {
  const js = q.url === '/page.js';
  r.writeHead(200, { 'content-type': js ? 'text/javascript' : 'text/html' });
  r.end(js ? readFileSync(join(here, 'bundle.js')) : '<!doctype html><title>lab</title><body><script src="/page.js"></script>');
});
await new Promise(r => server.listen(0, '127.0.0.1', r));
const exe = o.chromium ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const args = readFileSync(join(here, 'flags'), 'utf8').trim().split(/\s+/);
if (o.play) args.push(`--use-file-for-fake-audio-capture=${o.play}`);
const out = { ok: false };
let ctx;
try {
  const may = { permissions: ['microphone'], ignoreHTTPSErrors: true };
  if (o.at) ctx = await (await chromium.connectOverCDP(`http://${o.at}`)).newContext(may);
  else ctx = await chromium.launchPersistentContext(profile, { executablePath: exe, headless: true, args, ...may });
  const page = await ctx.newPage();
  if (o.show) page.on('console', m => console.error('page:', m.text()));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  out.browser_ms = Date.now() - t0;
  const opt = { ws: o.ws, uri: o.uri, password: o.password, authUser: o['auth-user'], register: !o['no-register'], answer: !!o.answer, contact: o.contact, show: o.show, loopback: !o['any-candidate'],
    tone: Number(o.tone ?? 0), hidden: o.hidden, bare: o.bare, misnamed: o.misnamed, streams: o.streams, digits: !!o.digits, record: !!o.record,
    codec: o.codec, headers: o.headers, ice: o.ice ? [{ urls: o.ice, username: o['turn-user'], credential: o['turn-password'] }] : [] };
  const up = await Promise.race([page.evaluate(x => lab.start(x), opt), sleep(10000)]);
  if (up) {
    for (const w of o.watch) await page.evaluate(w => lab.watch(...w.split(' ')), w);
    for (const m of o.message) await page.evaluate(m => lab.message(m.slice(0, m.indexOf(' ')), m.slice(m.indexOf(' ') + 1)), m);
    for (const t of o.options) await page.evaluate(t => lab.options(t), t);
    if (!o.call && !o.answer) {
      const end = Date.now() + o.idle * 1000, drop = o['drop-after'] && Date.now() + o['drop-after'] * 1000;
      let dropped = false;
      do {
        await sleep(100);
        if (drop && !dropped && Date.now() > drop) { await page.evaluate(() => lab.drop()); dropped = true; }
      } while (Date.now() < end);
      out.ok = true;
    }
    const state = () => page.evaluate(() => ({ ended: lab.ended, on: lab.confirmed && lab.pc?.connectionState === 'connected' }));
    let s;
    for (let left = o.call || o.answer ? Number(o.times) : 0; left > 0; left--) {
      if (o.call) await page.evaluate(([t, x]) => lab.call(t, x), [o.call, opt]);
      const until = Date.now() + o.wait * 1000;
      do { await sleep(100); s = await state(); } while (!s.ended && !s.on && Date.now() < until);
      if (s.on) out.connected = (out.connected ?? 0) + 1;
      if (left === 1) break;
      await sleep(o.seconds * 1000);
      await page.evaluate(() => { if (!lab.ended) lab.session.terminate(); });
      await sleep(100);
    }
    if (s?.on) {
      out.tones = [];
      if (o.dtmf) await page.evaluate(([d, by]) => lab.session.sendDTMF(d, { transportType: by.toUpperCase(), duration: 120, interToneGap: 100 }), [o.dtmf, o['dtmf-by']]);
      const end = Date.now() + o.seconds * 1000;
      const hold = o.hold ? Date.now() + 1000 : 0;
      const after = seconds => seconds ? Date.now() + seconds * 1000 : Infinity;
      let held = 0, drop = after(o['drop-after']), restart = after(o['restart-after']);
      while (Date.now() < end) {
        await sleep(250);
        const [tone, stats, over] = await page.evaluate(async () => [lab.tone(), await lab.stats(), lab.ended]);
        if (tone && tone.db > -80) out.tones.push(tone.hz);
        if (stats?.packets_rx !== undefined) out.stats = stats;
        if (over) break;
        if (Date.now() > drop) { await page.evaluate(() => lab.drop()); drop = Infinity; }
        if (Date.now() > restart) { await page.evaluate(() => lab.restart()); restart = Infinity; }
        if (hold && !held && Date.now() > hold) { await page.evaluate(() => lab.session.hold()); held = Date.now(); }
        if (held > 0 && Date.now() > held + o.hold * 1000) { await page.evaluate(() => lab.session.unhold()); held = -1; }
      }
      if (o.digits) out.digits = await page.evaluate(() => lab.digits);
      if (o.record) writeFileSync(o.record, wav(Buffer.from(await page.evaluate(() => lab.recording()), 'base64')));
      await page.evaluate(() => { if (!lab.ended) lab.session.terminate(); });
      out.ok = true;
    }
    await sleep(300);
    if (!o.vanish) {
      await page.evaluate(() => lab.ua.stop());
      await sleep(300);
    }
  }
  out.log = await page.evaluate(() => lab.log);
  if (o.sdp) out.sdp = await page.evaluate(() => lab.sip);
  out.audio = !!out.stats && out.stats.packets_rx > 10 && out.stats.energy_rx > 0.0001;
  // the frequency heard most often
  const count = {};
  for (const hz of out.tones ?? []) { const k = Math.round(hz / 10) * 10; count[k] = (count[k] ?? 0) + 1; }
  out.tone_hz = Number(Object.entries(count).sort((a, b) => b[1] - a[1])[0]?.[0]) || null;
} catch (e) {
  out.error = String(e);
} finally {
  await ctx?.close();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
console.log(JSON.stringify(out, null, 1));
process.exit(out.ok ? 0 : 1);
