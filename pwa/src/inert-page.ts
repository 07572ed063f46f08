/**
 * A device's page as a picture of itself: no scripts, no addresses, nothing to send; pictures and styles are those that were
 * captured with it. The frame it is shown in forbids the same again (its sandbox and the policy of stage.html).
 */
import { cssUrls, pathOf } from './captured.ts'

/** What stands for an address on this page: a `data:` address, or the text of a style sheet. */
type Resources = {
  readonly picture: (path: string) => Promise<string | undefined>
  readonly sheet: (path: string) => Promise<string | undefined>
}

const removed =
  'script, iframe, frame, object, embed, applet, base, meta, portal, link:not([rel~="stylesheet" i]), template'
/** Whatever an element could load or send. */
const addresses = new Set(
  [
    ...['href', 'xlink:href', 'src', 'srcset', 'action', 'formaction', 'poster', 'data', 'ping'],
    ...['background', 'manifest', 'srcdoc', 'imagesrcset', 'target', 'integrity', 'nonce'],
  ].values(),
)

export async function inertPage(
  html: string,
  pagePath: string,
  resources: Resources,
): Promise<string> {
  // A document without a window: nothing of it runs or loads.
  const page = new DOMParser().parseFromString(html, 'text/html')
  for (const element of page.querySelectorAll(removed)) element.remove()
  for (const link of page.querySelectorAll('link')) await inline(link, pagePath, resources)
  for (const style of page.querySelectorAll('style'))
    style.textContent = await inertCss(style.textContent ?? '', pagePath, resources)
  for (const element of page.querySelectorAll('*')) await disarm(element, pagePath, resources)
  return `<!doctype html>${page.documentElement.outerHTML}`
}

async function inline(link: Element, pagePath: string, resources: Resources): Promise<void> {
  const path = pathOf(link.getAttribute('href') ?? '', pagePath)
  const text = path === undefined ? undefined : await resources.sheet(path)
  if (path === undefined || text === undefined) return link.remove()
  const style = link.ownerDocument.createElement('style')
  style.textContent = await inertCss(text, path, resources)
  const media = link.getAttribute('media')
  if (media !== null) style.setAttribute('media', media)
  link.replaceWith(style)
}

async function disarm(element: Element, pagePath: string, resources: Resources): Promise<void> {
  const source = element.localName === 'img' ? (element.getAttribute('src') ?? '') : ''
  for (const { name, value } of [...element.attributes]) {
    if (addresses.has(name.toLowerCase()) || /^on/i.test(name)) element.removeAttribute(name)
    else if (name === 'style')
      element.setAttribute('style', await inertCss(value, pagePath, resources))
  }
  const path = pathOf(source, pagePath)
  const picture = source.startsWith('data:image/')
    ? source
    : source === '' || path === undefined
      ? undefined
      : await resources.picture(path)
  if (picture !== undefined) element.setAttribute('src', picture)
}

/** `url(…)` of what was captured; every other one leads nowhere. */
async function inertCss(css: string, sheetPath: string, resources: Resources): Promise<string> {
  const plain = css.replaceAll(/@import[^;]*;?/gi, '')
  const pictures = new Map<string, string>()
  cssUrls(plain, (address) => {
    pictures.set(address, address.startsWith('data:') ? address : '')
    return ''
  })
  for (const [address, known] of pictures) {
    const path = known === '' ? pathOf(address, sheetPath) : undefined
    if (path !== undefined) pictures.set(address, (await resources.picture(path)) ?? '')
  }
  return cssUrls(plain, (address) => pictures.get(address) ?? '')
}
