// A message centre on node-smpp, driven over stdin and stdout by JSON lines.
//
// In:  {"id":1,"do":"deliver",...} and its siblings below; each is answered once, by its id.
// Out: {"id":1,...} answers; {"event":"bind",...} and its siblings as they happen.
//
// With an argument, `{"key","cert","ca"}` in PEM, it speaks TLS, and asks for a certificate of `ca` if
// there is one.
//
// Times (`at`) are milliseconds since 1970 with a fraction, from this machine's clock, so that they
// can be compared with the test's own.
import { createInterface } from 'node:readline';
import smpp from 'smpp';

// `submitStatus`: how texts to phones are answered. `earlyReceipt`: the state that a receipt tells before
// the answer; empty for none.
const settings = { submitStatus: 0, submitSilent: false, earlyReceipt: '', bindStatus: 0, bindDelayMs: 0, bindSilent: false, answerEnquireLink: true };
const sessions = new Map(); // number -> { session, bound, system_id, waiting: Map(sequence -> [id, at]) }
let lastSession = 0;
let rawSequence = 0x40000000;
let turn = 0;

const now = () => performance.timeOrigin + performance.now();
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const { key, cert, ca } = JSON.parse(process.argv[2] ?? '{}');
const asks = { requestCert: ca !== undefined, rejectUnauthorized: ca !== undefined };
const tls = key === undefined ? {} : { key, cert, ca: ca && [ca], ...asks };
const server = smpp.createServer(tls, (session) => {
  const number = ++lastSession;
  const peer = { session, bound: null, system_id: null, waiting: new Map() };
  sessions.set(number, peer);
  say({ event: 'connect', session: number, at: now() });
  session.on('error', (error) => say({ event: 'error', session: number, error: String(error) }));
  session.on('close', () => closed(number, peer));
  session.on('pdu', (pdu) => received(number, peer, pdu));
});

function closed(number, peer) {
  sessions.delete(number);
  for (const [id] of peer.waiting.values()) say({ id, lost: true });
  say({ event: 'close', session: number, at: now() });
}

function received(number, peer, pdu) {
  if (pdu.isResponse() || pdu.command === 'generic_nack') return answered(number, peer, pdu);
  if (pdu.command.startsWith('bind_')) return bind(number, peer, pdu);
  if (pdu.command === 'submit_sm') return submitted(peer, pdu);
  say({ event: pdu.command, session: number, at: now() });
  if (pdu.command === 'enquire_link' && !settings.answerEnquireLink) return;
  peer.session.send(pdu.response());
  if (pdu.command === 'unbind') peer.session.close();
}

// A text to a phone.
let lastMessage = 0;
function submitted(peer, pdu) {
  const text = pdu.short_message.message.toString();
  const { source_addr: from, destination_addr: to, registered_delivery: receipt } = pdu;
  const { source_addr_ton, source_addr_npi, dest_addr_ton, dest_addr_npi, validity_period } = pdu;
  const types = [source_addr_ton, source_addr_npi, dest_addr_ton, dest_addr_npi];
  const status = settings.submitStatus;
  say({ event: 'submit_sm', from, to, text, receipt, types, validity_period, status, at: now() });
  if (settings.submitSilent) return;
  const message_id = (++lastMessage).toString(16).padStart(8, '0');
  const answer = () =>
    peer.session.send(pdu.response(status === 0 ? { message_id } : { command_status: status }));
  if (!settings.earlyReceipt) return answer();
  const short_message = `id:${message_id} sub:001 dlvrd:001 stat:${settings.earlyReceipt} err:000 text:`;
  peer.session.deliver_sm({ source_addr: to, destination_addr: from, esm_class: 4, short_message }, answer);
}

function answered(number, peer, pdu) {
  const at = now();
  const { command, command_status: status, sequence_number: sequence } = pdu;
  const waiting = peer.waiting.get(sequence);
  if (!waiting) return say({ event: 'response', session: number, command, status, sequence, at });
  peer.waiting.delete(sequence);
  const [id, sentAt] = waiting;
  say({ id, command, status, latency: at - sentAt, at });
}

function bind(number, peer, pdu) {
  const { command, system_id, password, system_type, interface_version, address_range } = pdu;
  const asked = { command, system_id, password, system_type, interface_version, address_range };
  say({ event: 'bind', session: number, at: now(), ...asked });
  if (settings.bindSilent) return;
  const status = settings.bindStatus;
  const answer = () => {
    peer.session.send(pdu.response({ command_status: status, system_id: 'centre' }));
    if (status !== 0) return peer.session.close();
    Object.assign(peer, { bound: command, system_id });
    say({ event: 'bound', session: number, command, system_id, at: now() });
  };
  if (settings.bindDelayMs > 0) setTimeout(answer, settings.bindDelayMs);
  else answer();
}

const bytes = (value) => (value && value.hex !== undefined ? Buffer.from(value.hex, 'hex') : value);
const receivers = () =>
  [...sessions.values()].filter(({ bound }) => bound && bound !== 'bind_transmitter');

// Of the sessions that take texts: the newest, the newest of a system_id, or each in its turn.
function receiver(to) {
  const all = receivers();
  if (to === '*') return all[turn++ % all.length];
  return (to === undefined ? all : all.filter(({ system_id }) => system_id === to)).at(-1);
}

function deliver({ id, command = 'deliver_sm', pdu, to }) {
  const peer = receiver(to);
  if (!peer) return say({ id, lost: true });
  const fields = Object.fromEntries(Object.entries(pdu).map(([k, v]) => [k, bytes(v)]));
  const at = now();
  const sent = peer.session[command](fields);
  if (!sent) return say({ id, lost: true });
  peer.waiting.set(peer.session.sequence, [id, at]);
}

// Octets as they are. With `wait`, the answer is that to the PDU's sequence number; `$SEQUENCE`
// in the hex stands for a fresh one.
function raw({ id, hex, wait = false }) {
  const peer = receivers().at(-1);
  if (!peer) return say({ id, lost: true });
  const sequence = ++rawSequence;
  const octets = hex.replace('$SEQUENCE', sequence.toString(16).padStart(8, '0'));
  if (wait) peer.waiting.set(sequence, [id, now()]);
  peer.session.socket.write(Buffer.from(octets, 'hex'), () => wait || say({ id }));
}

const commands = {
  deliver,
  raw,
  set: ({ id, ...changes }) => {
    delete changes.do;
    Object.assign(settings, changes);
    say({ id });
  },
  // Hangs up without a word.
  drop: ({ id }) => {
    for (const { session } of sessions.values()) session.destroy();
    say({ id });
  },
  // Asks in order: enquire_link or unbind.
  ask: ({ id, command }) => {
    const peer = receivers().at(-1);
    if (!peer || !peer.session[command]()) return say({ id, lost: true });
    peer.waiting.set(peer.session.sequence, [id, now()]);
  },
};

server.on('tlsClientError', (error) => say({ event: 'refused', error: String(error), at: now() }));
server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }));

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const command = JSON.parse(line);
  try {
    commands[command.do](command);
  } catch (error) {
    say({ id: command.id, error: String(error) });
  }
});
lines.on('close', () => process.exit(0));
