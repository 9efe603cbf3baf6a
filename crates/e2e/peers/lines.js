// Lines of JSON from and to the test that started this program.
import { createInterface } from 'node:readline'

const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** Says one thing to the test. */
export function say(name, value) {
  process.stdout.write(`${JSON.stringify({ [name]: value })}\n`)
}

/** What the test tells next. */
export async function told() {
  const { value, done } = await input.next()
  if (done) throw new Error('the test has ended')
  return JSON.parse(value)
}
