import { expect, test } from 'vitest'
import { inertPage } from './inert-page.ts'

const resources = {
  picture: async (path: string) =>
    path === '/logo.png' ? 'data:image/png;base64,AAAA' : undefined,
  sheet: async (path: string) =>
    path === '/css/s.css'
      ? '@import url(/x.css); h1 { background: url("../logo.png") }'
      : undefined,
}
const made = (html: string) => inertPage(html, '/pagina', resources)
const out = 'http://fora.example'

test('pictures and style sheets that were captured are in the page itself', async () => {
  const html = await made(
    '<link rel="stylesheet" media="screen" href="/css/s.css"><img src="logo.png"><b style="background:url(/logo.png)">',
  )
  expect(html).toContain('<style media="screen">')
  expect(html.match(/data:image\/png;base64,AAAA/g)).toHaveLength(3)
  expect(html).not.toContain('@import')
})

test.each([
  `<script src="${out}/x.js"></script>`,
  `<img src="${out}/i" srcset="${out}/s 1x" onerror="fetch('${out}')">`,
  `<form action="${out}/f"><button formaction="${out}/b">x</button></form>`,
  `<a href="${out}/l" ping="${out}/p">x</a>`,
  `<meta http-equiv="refresh" content="0;url=${out}"><base href="${out}">`,
  `<iframe src="${out}"></iframe><object data="${out}"></object><embed src="${out}">`,
  `<link rel="stylesheet" href="${out}/s.css"><link rel="preload" href="${out}/p">`,
  `<style>@import "${out}/a.css"; p { background: url('${out}/b') }</style>`,
  `<b style="background: url(${out}/c)">x</b><table background="${out}/d">`,
  `<svg><image href="${out}/i"/><use xlink:href="${out}/u#a"/></svg>`,
  `<video poster="${out}/p" src="${out}/v"><source src="${out}/s"></video>`,
])('nothing of %s leads anywhere', async (html) => {
  const page = await made(html)
  expect(page).not.toContain('fora.example')
  expect(page).not.toMatch(/<script|onerror/i)
})
