import { createContext, runInContext } from 'node:vm'
import { expect, test } from 'vitest'
import { type ShimConfig, shimText } from './shim.ts'

const base = '/remote/s/abc'
const path: ShimConfig = {
  ...{ base, mark: 'abc-' },
  targets: {
    'http://192.168.1.50': base,
    'http://192.168.1.50:8080': `${base}/__travessia/port/8080`,
  },
}
const host: ShimConfig = {
  ...{ base: '', mark: '' },
  targets: { 'http://192.168.1.50': '', 'http://192.168.1.50:8080': '/__travessia/port/8080' },
}

/** What the script takes of a browser, and nothing more. */
function browserAt(href: string) {
  const url = new URL(href)
  const native = { fetched: [] as unknown[], cookie: '' }
  class Document {
    get cookie() {
      return native.cookie
    }
    set cookie(text: string) {
      native.cookie = text
    }
  }
  class Plain {
    open() {}
    pushState() {}
    replaceState() {}
    sendBeacon() {}
    submit() {}
    setAttribute() {}
    setAttributeNS() {}
  }
  const window = {
    ...{ URL, Promise, Proxy, location: url, Element: Plain, XMLHttpRequest: Plain },
    document: Object.assign(new Document(), { baseURI: href }),
    ...{ Document, History: Plain, Navigator: Plain, HTMLFormElement: Plain },
    addEventListener() {},
    fetch: (address: unknown) => native.fetched.push(address),
  }
  return { window, native, cookies: window.document }
}

function run(config: ShimConfig, href: string) {
  const browser = browserAt(href)
  const context = createContext({ window: browser.window })
  runInContext(shimText(config), context)
  const fetched = (address: unknown) => {
    browser.window.fetch(address)
    return browser.native.fetched.at(-1)
  }
  return { ...browser, context, fetched }
}

const here = `https://remote.example${base}/en/page.html`

test.each([
  ['/x', `${base}/x`],
  ['x', 'x'],
  ['../x', '../x'],
  ['../../x', `https://remote.example${base}/x`],
  ['#top', '#top'],
  ['https://remote.example/x', `https://remote.example${base}/x`],
  [`https://remote.example${base}/x`, `https://remote.example${base}/x`],
  [`${base}/x`, `${base}/x`],
  ['wss://remote.example/ws', `wss://remote.example${base}/ws`],
  ['ws://remote.example:8080/ws', `wss://remote.example${base}/__travessia/port/8080/ws`],
  ['http://192.168.1.50/x', `https://remote.example${base}/x`],
  ['ws://192.168.1.50:8080/x', `wss://remote.example${base}/__travessia/port/8080/x`],
  ['http://remote.example:9/x', 'http://remote.example:9/x'],
  ['https://cdn.example/x', 'https://cdn.example/x'],
  ['blob:https://remote.example/1', 'blob:https://remote.example/1'],
  ['data:,/x', 'data:,/x'],
  ['http://[', 'http://['],
])('under a path %j becomes %j', (given, expected) => {
  expect(run(path, here).fetched(given)).toBe(expected)
  expect(run(path, here).fetched(expected)).toBe(expected)
})

test('a page of another port stays on that port', () => {
  const { fetched } = run(path, `https://remote.example${base}/__travessia/port/8080/a/b`)
  expect(fetched('/x')).toBe(`${base}/__travessia/port/8080/x`)
  expect(fetched('../../x')).toBe(`https://remote.example${base}/__travessia/port/8080/x`)
})

test.each([
  ['/x', '/x'],
  ['../x', '../x'],
  ['http://192.168.1.50/x', 'https://abc.remote.example/x'],
  ['//abc.remote.example:8080/x', 'https://abc.remote.example/__travessia/port/8080/x'],
  ['wss://abc.remote.example:8080/', 'wss://abc.remote.example/__travessia/port/8080/'],
])('on a host of its own %j becomes %j', (given, expected) => {
  expect(run(host, 'https://abc.remote.example/en/page').fetched(given)).toBe(expected)
})

test.each([
  ['a=1; path=/', `abc-a=1; Path=${base}/`],
  [' a=1;PATH=/x ; max-age=9', `abc-a=1; Path=${base}/x; max-age=9`],
  [`a=1; path=${base}/x`, `abc-a=1; Path=${base}/x`],
  ['a=1; domain=remote.example; secure', 'abc-a=1; secure'],
  ['__Host-travessia-session=x; path=/', `abc-__Host-travessia-session=x; Path=${base}/`],
])('a script’s cookie %j is kept as %j', (given, expected) => {
  const { cookies, native } = run(path, here)
  cookies.cookie = given
  expect(native.cookie).toBe(expected)
})

test('a script reads its own session’s cookies only, and on a host of its own all', () => {
  const under = run(path, here)
  under.native.cookie = 'abc-a=1; other-b=2; c=3; abc-d=x=y'
  expect(under.cookies.cookie).toBe('a=1; d=x=y')
  const alone = run(host, 'https://abc.remote.example/')
  alone.native.cookie = 'a=1; b=2'
  expect(alone.cookies.cookie).toBe('a=1; b=2')
})

test('it runs once, shows in no list, and parses in browsers of 2009', () => {
  const { window, context, fetched } = run(path, here)
  runInContext(shimText(path), context)
  expect(fetched('/x')).toBe(`${base}/x`)
  expect(Object.keys(window)).not.toContain('__travessia')
  const code = shimText(path).replace(/\/\*[\s\S]*?\*\/|\/\/ .*/g, '')
  expect(code).not.toMatch(/=>|\b(let|const|class)\b|`|\.\.\.|\?\.|\?\?/)
})
