// An ESME on node-smpp, told by lines of JSON: {"do":"connect",...} and its siblings below. Each is
// answered by one line: {"answer":...}. What the other side sends unasked is {"event":...}.
import { readFileSync } from 'node:fs'
import smpp from 'smpp'
import { say, told } from './lines.js'

const sessions = new Map()

// A connection under a name of the test's; the answer says whether it stands.
function connect({ as, port, tls }) {
  const options = { host: '127.0.0.1', port }
  if (tls) {
    Object.assign(options, { tls: true, ca: readFileSync(tls.ca) })
    if (tls.cert) Object.assign(options, { cert: readFileSync(tls.cert), key: readFileSync(tls.key) })
  }
  return new Promise((resolve) => {
    const session = new smpp.Session(options)
    // Node waits with `close` for what it still has to write, also where nobody reads it any more.
    const ends = (done) => ['close', 'error'].map((how) => session.on(how, () => done('closed')))
    const closed = new Promise((done) => ends(done) && session.socket.on('end', () => done('closed')))
    const peer = { session, closed }
    sessions.set(as, peer)
    session.on('error', (error) => resolve(String(error.code ?? error)))
    session.on('close', () => resolve('closed'))
    session.on('pdu', (pdu) => {
      if (pdu.command === 'enquire_link' || pdu.command === 'unbind') session.send(pdu.response())
    })
    session.on(tls ? 'secureConnect' : 'connect', () => resolve('open'))
  })
}

// The status of a request's response; "closed" if the connection ends first.
function ask(peer, command, fields = {}) {
  const answered = new Promise((resolve) => {
    const sent = peer.session[command](fields, (pdu) =>
      resolve({ status: pdu.command_status, command: pdu.command, message_id: pdu.message_id ?? null }))
    if (!sent) resolve('closed')
  })
  return Promise.race([answered, peer.closed])
}

// Octets as they are, `$SEQUENCE` in the hex for a fresh number; the status of the response.
function octets({ session, closed }, hex) {
  const sequence = ++session.sequence
  const answered = new Promise((resolve) =>
    session.on('pdu', (pdu) => pdu.sequence_number === sequence && resolve(pdu.command_status)))
  const numbered = hex.replace('$SEQUENCE', sequence.toString(16).padStart(8, '0'))
  session.socket.write(Buffer.from(numbered, 'hex'))
  return Promise.race([answered, closed])
}

const bytes = (value) => (value?.hex === undefined ? value : Buffer.from(value.hex, 'hex'))
const fields = (pdu) => Object.fromEntries(Object.entries(pdu).map(([k, v]) => [k, bytes(v)]))

const commands = {
  connect,
  ask: ({ as, command, pdu = {} }) => ask(sessions.get(as), command, fields(pdu)),
  // All at once, without waiting for answers in between.
  flood: ({ as, command = 'submit_sm', pdus }) =>
    Promise.all(pdus.map((pdu) => ask(sessions.get(as), command, fields(pdu)))),
  octets: ({ as, hex }) => octets(sessions.get(as), hex),
  closed: ({ as }) => sessions.get(as).closed,
  drop: ({ as }) => {
    sessions.get(as).session.destroy()
    return 'dropped'
  },
}

for (;;) {
  const command = await told()
  say('answer', await commands[command.do](command))
}
