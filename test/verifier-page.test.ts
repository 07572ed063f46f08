/** The verifier as auditors take it along: one file, opened from the disk or from the node, that uses no network. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../rig/processes.ts'
import { newPhone, picture, startBrowser, violations } from './screens.ts'

const file = join(root, 'pwa/dist/verificar.html')
const example = (name: string) => join(root, 'examples', name)
let browser: Browser

beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser?.close())

/** The page from its file, and whatever it asks for. */
async function openPage(): Promise<{ page: Page; asked: string[]; said: string[] }> {
  const { page } = await newPhone(browser)
  const asked: string[] = []
  const said: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  page.on('console', (message) => said.push(message.text()))
  page.on('pageerror', (error) => said.push(error.message))
  await page.goto(pathToFileURL(file).href)
  return { page, asked, said }
}

const chosen = async (page: Page, name: string) => {
  await page.locator('#bundle').setInputFiles(example(name))
  const head = page.locator('#result h2')
  await head.waitFor()
  return { verdict: await head.textContent(), text: await page.locator('#result').textContent() }
}

test('the intact example is intact, of the altered one the event is named, in both languages and without a request', async () => {
  const { page, asked, said } = await openPage()
  const intact = await chosen(page, 'session.zip')
  expect(intact.verdict).toBe('Íntegro')
  expect(intact.text).toContain('Integridade: íntegro, cada evento é o que foi assinado')
  expect(intact.text).toMatch(/assinado em \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/)
  await picture(page, '18-verificador')
  await page.reload()
  const altered = await chosen(page, 'session-altered.zip')
  expect(altered.verdict).toBe('ALTERADO')
  expect(altered.text).toMatch(/evento #\d+ [a-z0-9]{26} foi alterado/)
  await page.getByRole('button', { name: 'English' }).click()
  expect(await page.locator('#result').textContent()).not.toContain('--key')
  expect(await page.locator('#result').textContent()).toMatch(/event #\d+ [a-z0-9]{26} was altered/)
  await picture(page, '19-verificador-alterado')
  const width = await page.evaluate('document.documentElement.scrollWidth')
  expect(width).toBeLessThanOrEqual(390)
  expect(asked.every((url) => url.startsWith('file:'))).toBe(true)
  expect(new Set(asked).size).toBe(1)
  expect(said).toEqual([])
  expect(await violations(page, 'verifier')).toEqual([])
})

test('a key that is none, a file that is no bundle and a key of another log each say so', async () => {
  const { page } = await openPage()
  await page.locator('#bundle').setInputFiles(join(root, 'README.md'))
  await page.getByRole('heading', { name: 'Não pode ser conferido' }).waitFor()
  await page.getByText('Isto não é um pacote de evidências inteiro.').waitFor()
  await page.locator('summary').click()
  await page.locator('#keys').fill('x')
  await chosen(page, 'session.zip')
  await page.getByText('Isto não é uma chave: x').waitFor()
  const other = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
  await page.locator('#keys').fill(other)
  await page.locator('#keys').blur()
  await page.getByRole('heading', { name: 'ALTERADO' }).waitFor()
  await page.getByText('manifest.note não foi assinado por PeterNeumann').waitFor()
})

test('dropped, a bundle is checked as well', async () => {
  const { page } = await openPage()
  const bytes = readFileSync(example('session.zip')).toString('base64')
  await page.evaluate(`{
    const bytes = Uint8Array.from(atob('${bytes}'), (one) => one.charCodeAt(0))
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([bytes], 'session.zip'))
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
  }`)
  await page.getByRole('heading', { name: 'Íntegro' }).waitFor()
})

test('its policy lets no script of somebody else run and nothing be fetched', async () => {
  const { page } = await openPage()
  const tried = await page.evaluate(`(async () => {
    const script = document.createElement('script')
    script.textContent = 'window.didRun = true'
    document.body.append(script)
    const answer = await fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')
    return [window.didRun === true, answer]
  })()`)
  expect(tried).toEqual([false, 'refused'])
  const policy = /Content-Security-Policy" content="([^"]+)"/.exec(readFileSync(file, 'utf8'))?.[1]
  expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'/)
})
