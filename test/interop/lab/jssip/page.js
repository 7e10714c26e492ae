// Runs in the browser: one JsSIP user agent, one call, messages and subscriptions; all that happened in window.lab.
import JsSIP from 'jssip';

const t0 = performance.now();
const lab = window.lab = { log: [], sip: [], session: null, ended: null, confirmed: false, heard: [] };
const note = (event, more = {}) => lab.log.push({ ms: Math.round(performance.now() - t0), event, ...more });

// Keeps only one codec (and telephone-event) of the audio section.
function onlyCodec(sdp, name) {
  const keep = [...sdp.matchAll(/^a=rtpmap:(\d+) ([^\/\r]+)/gm)]
    .filter(m => m[2].toLowerCase() === name.toLowerCase() || m[2] === 'telephone-event').map(m => m[1]);
  return sdp.split('\r\n').filter(line => {
    const m = line.match(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/);
    return !m || keep.includes(m[1]);
  }).map(line => line.startsWith('m=audio')
    ? line.replace(/(SAVPF?) .*/, (_, p) => p + ' ' + line.split(' ').slice(3).filter(x => keep.includes(x)).join(' '))
    : line).join('\r\n');
}

// Traffic stays on loopback: no other candidate is offered.
const onlyLoopback = sdp => sdp.split('\r\n')
  .filter(l => !l.startsWith('a=candidate:') || / udp \d+ 127\./.test(l) || / typ relay/.test(l)).join('\r\n');

// The first digit of the fingerprint is another one: whoever this description is for meets a stranger.
const misnamed = sdp => sdp.replace(/^(a=fingerprint:\S+ )(.)/m, (_, name, digit) => name + (digit === 'A' ? 'B' : 'A'));

// What a browser writes that hides its addresses (draft-ietf-mmusic-mdns-ice-candidates), or has found none yet.
const hidden = sdp => sdp.replace(/^(a=candidate:\S+ \d+ \S+ \d+) \S+/gm, '$1 2ab4e2d8-6bd8-4bd6-8b1c-5c6c3b6b7a01.local');
const bare = sdp => sdp.split('\r\n').filter(l => !/^a=(candidate|end-of-candidates)/.test(l)).join('\r\n');

const configuration = o => ({ iceServers: o.ice, encodedInsertableStreams: o.digits });

// Where our audio comes from: a tone of its own, or the microphone.
function source(o) {
  if (!o.tone) return { mediaConstraints: { audio: true, video: false } };
  const ac = new AudioContext(), tone = ac.createOscillator(), level = ac.createGain(), out = ac.createMediaStreamDestination();
  tone.frequency.value = o.tone; level.gain.value = 0.35;
  tone.connect(level).connect(out);
  tone.start();
  ac.resume();
  lab.mute = () => ac.close();
  return { mediaStream: out.stream };
}

// What is heard, at 16 kHz, as it is decoded: what plays it stutters on a busy machine.
async function record(track) {
  const frames = new MediaStreamTrackProcessor({ track, maxBufferSize: 1000 }).readable.getReader();
  for (let next; !(next = await frames.read()).done;) {
    const frame = next.value, samples = new Float32Array(frame.numberOfFrames), step = frame.sampleRate / 16000;
    frame.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
    frame.close();
    // G.711 comes at 8 kHz, all else at more.
    for (let i = 0; i + step <= samples.length; i += step) {
      const part = samples.subarray(Math.floor(i), Math.floor(i) + Math.max(1, step));
      const mean = part.reduce((sum, sample) => sum + sample, 0) / part.length;
      lab.heard.push(Math.max(-32768, Math.min(32767, Math.round(mean * 32767))));
    }
  }
}
// The digits that arrive as telephone-events, before they are played.
async function follow(receiver) {
  const { readable, writable } = receiver.createEncodedStreams();
  const seen = new Set();
  readable.pipeThrough(new TransformStream({ transform(frame, out) {
    const named = receiver.getParameters().codecs.find(c => c.payloadType === frame.getMetadata().payloadType);
    if (/telephone-event/i.test(named?.mimeType) && !seen.has(frame.timestamp)) {
      seen.add(frame.timestamp);
      lab.digits += '0123456789*#ABCD'[new Uint8Array(frame.data)[0]] ?? '?';
    }
    out.enqueue(frame);
  } })).pipeTo(writable);
}

// Where packets are looked at that come, those that go have to be passed on.
const passed = new WeakSet();
function passOn(sender) {
  if (passed.has(sender)) return;
  passed.add(sender);
  const { readable, writable } = sender.createEncodedStreams();
  readable.pipeTo(writable);
}

lab.recording = () => {
  const bytes = new Uint8Array(Int16Array.from(lab.heard).buffer);
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
};

// As behind a firewall that lets no UDP through.
const onlyStreams = sdp => sdp.split('\r\n').filter(l => !/^a=candidate:\S+ \d+ udp /i.test(l)).join('\r\n');

function watch(session, o) {
  Object.assign(lab, { session, ended: null, confirmed: false, heard: [], digits: '' });
  const pcReady = pc => {
    lab.pc = pc;
    pc.addEventListener('iceconnectionstatechange', () => note('ice', { state: pc.iceConnectionState }));
    pc.addEventListener('connectionstatechange', () => note('pc', { state: pc.connectionState }));
    pc.addEventListener('track', e => {
      if (o.digits) follow(e.receiver);
      const stream = e.streams[0] ?? new MediaStream([e.track]);
      const audio = document.createElement('audio');       // Chromium decodes only what is played
      audio.srcObject = stream; audio.autoplay = true;
      document.body.append(audio);
      const ac = lab.ac = new AudioContext({ sampleRate: 48000 });
      const an = lab.analyser = ac.createAnalyser();
      an.fftSize = 8192; an.smoothingTimeConstant = 0.2;
      const source = ac.createMediaStreamSource(stream);
      source.connect(an);
      if (o.record) record(e.track);
      ac.resume();
      lab.hush = () => { audio.remove(); ac.close(); };
      note('track', { kind: e.track.kind });
    });
  };
  if (session.connection) pcReady(session.connection);
  else session.on('peerconnection', e => pcReady(e.peerconnection));
  session.on('sdp', e => {
    if (e.originator === 'local') {
      if (o.digits) session.connection.getSenders().forEach(passOn);
      if (o.codec) e.sdp = onlyCodec(e.sdp, o.codec);
      if (o.loopback) e.sdp = onlyLoopback(e.sdp);
      if (o.misnamed) e.sdp = misnamed(e.sdp);
      if (o.hidden) e.sdp = hidden(e.sdp);
      if (o.bare) e.sdp = bare(e.sdp);
    } else {
      if (o.streams) e.sdp = onlyStreams(e.sdp);
      // Who answers says what was offered first, whatever the answer has.
      if (o.codec && e.type === 'offer') e.sdp = onlyCodec(e.sdp, o.codec);
    }
    lab.sip.push({ by: e.originator, type: e.type, sdp: e.sdp });
  });
  session.on('progress', e => note('progress', { code: e.response?.status_code }));
  session.on('accepted', () => note('accepted'));
  session.on('confirmed', () => { lab.confirmed = true; note('confirmed'); });
  session.on('newDTMF', e => e.originator === 'remote' && note('dtmf', { tone: e.dtmf.tone }));
  for (const k of ['hold', 'unhold', 'reinvite', 'refer']) session.on(k, e => note(k, { by: e?.originator }));
  const over = e => {
    lab.ended = { cause: e.cause, by: e.originator, code: e.message?.status_code, reason: e.message?.getHeader?.('Reason') };
    note('ended', lab.ended);
    for (const quiet of ['hush', 'mute']) {
      lab[quiet]?.();
      lab[quiet] = null;
    }
  };
  session.on('ended', over);
  session.on('failed', over);
}

lab.start = o => new Promise(done => {
  if (o.show) JsSIP.debug.enable('JsSIP:*');
  const ua = lab.ua = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(o.ws)], uri: o.uri, password: o.password,
    authorization_user: o.authUser, register: o.register, register_expires: 60, session_timers: false, user_agent: 'lab-browser',
    connection_recovery_min_interval: 1, connection_recovery_max_interval: 2,
    ...(o.contact && { contact_uri: o.contact }),
  });
  ua.on('connected', () => { note('connected'); if (!o.register) done(true); });
  ua.on('disconnected', e => { note('disconnected', { error: e.error, reason: e.reason }); if (e.error) done(false); });
  ua.on('registered', () => { note('registered'); done(true); });
  ua.on('registrationFailed', e => { note('registrationFailed', { cause: e.cause, code: e.response?.status_code }); done(false); });
  ua.on('unregistered', () => note('unregistered'));
  ua.on('newMessage', e => e.originator === 'remote' &&
    note('message', { from: e.request.from.uri.toString(), type: e.request.getHeader('Content-Type'), text: e.request.body }));
  ua.on('newRTCSession', e => {
    if (e.originator !== 'remote') return;
    note('incoming', { from: e.request.from.uri.toString(), sdp: e.request.body });
    if (o.codec && !new RegExp(`^a=rtpmap:\\d+ ${o.codec}/`, 'im').test(e.request.body)) {
      e.session.terminate({ status_code: 488 });
      return;
    }
    watch(e.session, o);
    if (o.answer) e.session.answer({ ...source(o), pcConfig: configuration(o) });
  });
  ua.start();
});

lab.call = (target, o) => {
  const session = lab.ua.call(target, {
    ...source(o), pcConfig: configuration(o),
    extraHeaders: o.headers, eventHandlers: {},
    rtcOfferConstraints: { offerToReceiveAudio: true, offerToReceiveVideo: false },
  });
  watch(session, o);
};

const answered = (what, more) => ({
  succeeded: e => note(what, { ...more, code: e.response?.status_code }),
  failed: e => note(what, { ...more, code: e.response?.status_code, cause: e.cause }),
});
lab.message = (to, text) => lab.ua.sendMessage(to, text, { eventHandlers: answered('sent', { to }) });
lab.options = to => lab.ua.sendOptions(to, null, { eventHandlers: answered('asked', { to }) });

const accepts = {
  presence: 'application/pidf+xml', dialog: 'application/dialog-info+xml', 'message-summary': 'application/simple-message-summary',
};
lab.watch = (event, to) => {
  const s = lab.ua.subscribe(to, event, accepts[event], { expires: 600, params: {} });
  s.on('accepted', () => note('accepted-watch', { event }));
  s.on('notify', (final, request, body) => note('notify', { watched: event, final, state: request.getHeader('Subscription-State'), body }));
  s.on('terminated', (code, reason) => note('unwatched', { watched: event, code, reason }));
  s.subscribe();
};

// Another network: new candidates, new ports, a new name of the agent (RFC 8839 §4.4.1.1.1).
lab.restart = () => lab.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, () => note('restarted'));

// The network is gone and comes back: the socket breaks, the user agent opens another one and registers anew.
lab.drop = () => lab.ua.transport.socket._ws.close();

// The strongest frequency now heard, and its level.
lab.tone = () => {
  if (!lab.analyser) return null;
  const bins = new Float32Array(lab.analyser.frequencyBinCount);
  lab.analyser.getFloatFrequencyData(bins);
  let best = 0;
  for (let i = 3; i < bins.length; i++) if (bins[i] > bins[best]) best = i;
  return { hz: Math.round(best * lab.ac.sampleRate / lab.analyser.fftSize), db: Math.round(bins[best]) };
};

lab.stats = async () => {
  if (!lab.pc) return null;
  const all = [...(await lab.pc.getStats()).values()];
  const by = id => all.find(s => s.id === id) ?? {};
  const rx = all.find(s => s.type === 'inbound-rtp' && s.kind === 'audio') ?? {};
  const tx = all.find(s => s.type === 'outbound-rtp' && s.kind === 'audio') ?? {};
  const tr = all.find(s => s.type === 'transport') ?? {};
  const pair = by(tr.selectedCandidatePairId);
  const cand = c => c.address && `${c.candidateType} ${c.protocol} ${c.address}:${c.port}`;
  return {
    ice: lab.pc.iceConnectionState, dtls: tr.dtlsState, srtp: tr.srtpCipher, tls: tr.tlsVersion,
    local: cand(by(pair.localCandidateId)), remote: cand(by(pair.remoteCandidateId)),
    rtt_ms: pair.currentRoundTripTime !== undefined ? Math.round(pair.currentRoundTripTime * 1000) : undefined,
    codec_rx: by(rx.codecId).mimeType, codec_tx: by(tx.codecId).mimeType,
    packets_rx: rx.packetsReceived, packets_tx: tx.packetsSent, lost: rx.packetsLost,
    jitter_ms: rx.jitter !== undefined ? Math.round(rx.jitter * 1000) : undefined,
    concealed: rx.concealedSamples, energy_rx: rx.totalAudioEnergy, level_rx: rx.audioLevel,
  };
};
