// The sign-in page in a real browser: Chromium, driven by `playwright-core`, looked over by `axe-core`.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { say, told } from './lines.js'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const { executable } = await told()
const browser = await chromium.launch({
  executablePath: executable,
  // The other site's page is made up here: to the browser it is public, and the platform is not.
  args: ['--no-sandbox', '--disable-features=LocalNetworkAccessChecks'],
})

/** What axe finds, run in a world of its own: the page's policy lets no other script in. */
async function look(page) {
  const session = await page.context().newCDPSession(page)
  const { frameTree } = await session.send('Page.getFrameTree')
  const world = { frameId: frameTree.frame.id, worldName: 'axe' }
  const { executionContextId: contextId } = await session.send('Page.createIsolatedWorld', world)
  const run = `${axe}; axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] })
    .then((r) => JSON.stringify(r.violations.map((v) => v.id + ': ' + v.nodes[0].html)))`
  const options = { expression: run, contextId, awaitPromise: true, returnByValue: true }
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', options)
  if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
  return JSON.parse(result.value)
}

/** One sign-in; `by_keyboard` touches no mouse, without `script` the buttons do it. */
async function signIn({ url, callback, phone, script, dark, locale, by_keyboard }) {
  const context = await browser.newContext({
    javaScriptEnabled: script,
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    locale,
    ...(phone
      ? { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }
      : { viewport: { width: 1280, height: 800 } }),
  })
  const page = await context.newPage()
  const faults = []
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
  page.on('pageerror', (error) => faults.push(String(error)))
  // Nobody is there: what counts is where the browser is sent.
  const landed = new Promise((resolve) => {
    page.on('request', (request) => request.url().startsWith(callback) && resolve(request.url()))
  })
  await page.goto(url)
  const link = page.locator('a[href^="sms:"]').first()
  // Without script there is nothing that axe, or a measurement in the page, could run on.
  const violations = script ? await look(page) : []
  say('waiting', {
    language: await page.locator('html').getAttribute('lang'),
    sms: await link.getAttribute('href'),
    link_shown: await link.isVisible(),
    code_shown: await page.locator('svg[role=img]').first().isVisible(),
    wide: script
      && await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth),
    violations,
  })
  await told()
  // By itself with a script; by the button without.
  if (!script) await page.locator('form[method=get] button').first().click()
  const approve = page.locator('form[action$="/approve"] button')
  await approve.waitFor()
  say('confirm', { text: await page.locator('main').innerText(), violations: script ? await look(page) : [] })
  if (by_keyboard && script) {
    for (let presses = 0; presses < 30; presses += 1) {
      await page.keyboard.press('Tab')
      if (await approve.evaluate((button) => button === document.activeElement)) break
    }
    await page.keyboard.press('Enter')
  } else {
    await approve.click()
  }
  const location = await landed
  const name_unknown = (fault) => fault.includes('ERR_NAME_NOT_RESOLVED')
  say('landed', { location, faults: faults.filter((fault) => !name_unknown(fault)) })
  await context.close()
}

/** From a text to the form for digits, and by the keyboard on. */
async function digits({ url, dark }) {
  const context = await browser.newContext({
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    viewport: { width: 390, height: 844 },
  })
  const page = await context.newPage()
  const faults = []
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
  page.on('pageerror', (error) => faults.push(String(error)))
  await page.goto(url)
  say('waiting', { sms: await page.locator('a[href^="sms:"]').first().getAttribute('href') })
  await told()
  const field = page.locator('input[autocomplete=one-time-code]')
  await field.waitFor()
  const seen = async () => ({
    focused: await field.evaluate((input) => input === document.activeElement),
    wide: await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth),
    text: await page.locator('main').innerText(),
    violations: await look(page),
  })
  say('digits', await seen())
  for (let wrong = true; wrong; ) {
    const said = await told()
    await page.keyboard.type(said.digits)
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')])
    wrong = said.wrong
    if (wrong) say('again', await seen())
  }
  await page.locator('form[action$="/approve"] button').waitFor()
  say('confirm', { faults })
  await context.close()
}

/** What becomes of the page in another site's frame. */
async function frame({ url, issuer }) {
  const page = await browser.newPage()
  await page.route('http://evil.example/', (route) =>
    route.fulfill({ contentType: 'text/html', body: `<iframe src="${url}"></iframe>` }),
  )
  const failed = new Promise((resolve) => {
    page.on('requestfailed', (request) => {
      if (request.url().startsWith(issuer)) resolve(request.failure().errorText)
    })
  })
  await page.goto('http://evil.example/')
  say('framed', { refused: await failed })
  await page.close()
}

for (;;) {
  const step = await told()
  if (step.do === 'sign_in') await signIn(step)
  else if (step.do === 'digits') await digits(step)
  else if (step.do === 'frame') await frame(step)
  else break
}
await browser.close()
process.exit(0)
