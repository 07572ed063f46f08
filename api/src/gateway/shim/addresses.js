/*
 * Runs in device pages before their own scripts, inside `function (window, config)` (see ../shim.ts): each address
 * that a script hands to the browser is mapped to where the device is here. ES5, for old browsers and wall panels.
 */
var document = window.document
var location = window.location
var NativeUrl = window.URL

/** What stands before the paths of this page: the session's base, or that of another port of the device. */
function pagePrefix() {
  var longest = config.base
  each(Object.keys(config.targets), function (origin) {
    var prefix = config.targets[origin]
    var isHere = location.pathname.indexOf(prefix + '/') === 0
    if (isHere && prefix.length > longest.length) longest = prefix
  })
  return longest
}

function each(list, action) {
  for (var i = 0; i < list.length; i += 1) action(list[i])
}

function portOf(url) {
  return url.port || (/^(https|wss):$/.test(url.protocol) ? '443' : '80')
}

/** The page's base as the device knows it: there, `/x` and `../x` mean what the page means. */
function deviceBase(prefix) {
  var base = new NativeUrl(document.baseURI)
  if (base.host === location.host && base.pathname.indexOf(prefix + '/') === 0)
    base.pathname = base.pathname.slice(prefix.length)
  return base
}

function isPublicPath(path) {
  return path.indexOf(config.base === '' ? '/__travessia/' : config.base + '/') === 0
}

/** Where the device behind this address is here; undefined: it is no address of the device. */
function prefixOf(url, page) {
  if (url.host === location.host) return isPublicPath(url.pathname) ? '' : page
  var own = config.targets[url.protocol.replace('ws', 'http') + '//' + url.host]
  if (own !== undefined || url.hostname !== location.hostname) return own
  each(Object.keys(config.targets), function (origin) {
    if (portOf(new NativeUrl(origin)) === portOf(url)) own = config.targets[origin]
  })
  return own
}

/** The address as the browser must use it; what needs no change is handed back as it came. */
function publicAddress(value) {
  var trusted = window.TrustedScriptURL
  if (trusted && value instanceof trusted) return value
  try {
    var text = String(value)
    var page = pagePrefix()
    var url = new NativeUrl(text, deviceBase(page))
    var kind = /^(http|ws)s?:$/.exec(url.protocol)
    var prefix = kind ? prefixOf(url, page) : undefined
    if (prefix === undefined) return value
    var path = prefix + url.pathname + url.search + url.hash
    var origin = location.origin.replace(/^http/, kind[1])
    var isSame = new NativeUrl(text, document.baseURI).href === origin + path
    if (isSame) return value
    return /^\s*\/(?!\/)/.test(text) && path.indexOf('//') !== 0 ? path : origin + path
  } catch (_error) {
    return value
  }
}

function publicSet(value) {
  var isAddress = true
  return String(value).replace(/\S+/g, function (word) {
    var end = isAddress ? 0 : word.indexOf(',') + 1
    if (!isAddress && end === 0) return word
    var address = word.slice(end)
    isAddress = address === '' || /,$/.test(address)
    return word.slice(0, end) + publicAddress(address)
  })
}

function isRequest(value) {
  return window.Request && value instanceof window.Request
}

/** A function whose argument at this place is an address. */
function wrapCall(owner, name, place) {
  var native = owner && owner[name]
  if (typeof native !== 'function') return
  owner[name] = function () {
    var given = Array.prototype.slice.call(arguments)
    if (given.length > place && !isRequest(given[place])) given[place] = publicAddress(given[place])
    return native.apply(this, given)
  }
}

/** A class whose first argument is an address; what a page derives from it stays what the page made. */
function wrapClass(name) {
  var Native = window[name]
  if (typeof Native !== 'function') return
  function Wrapped(address, options) {
    var mapped = arguments.length === 0 || isRequest(address) ? address : publicAddress(address)
    var made =
      arguments.length > 1
        ? new Native(mapped, options)
        : arguments.length === 1
          ? new Native(mapped)
          : new Native()
    var prototype = Object.getPrototypeOf(this)
    if (prototype !== Native.prototype) Object.setPrototypeOf(made, prototype)
    return made
  }
  Wrapped.prototype = Native.prototype
  Object.setPrototypeOf(Wrapped, Native)
  Object.defineProperty(Native.prototype, 'constructor', {
    value: Wrapped,
    writable: true,
    configurable: true,
  })
  window[name] = Wrapped
}

function wrapProperty(owner, name, map) {
  var property = owner && Object.getOwnPropertyDescriptor(owner.prototype, name)
  if (!property || !property.set) return
  Object.defineProperty(owner.prototype, name, {
    get: property.get,
    set: function (value) {
      property.set.call(this, map(value))
    },
    enumerable: property.enumerable,
    configurable: true,
  })
}

var attributes = ' href xlink:href src action formaction poster data background '

function mapAttribute(name, value) {
  var lower = String(name).toLowerCase()
  if (lower === 'srcset' || lower === 'imagesrcset') return publicSet(value)
  return attributes.indexOf(' ' + lower + ' ') < 0 ? value : publicAddress(value)
}

function wrapAttributes() {
  var prototype = window.Element.prototype
  var set = prototype.setAttribute
  var setNs = prototype.setAttributeNS
  prototype.setAttribute = function (name, value) {
    return set.call(this, name, mapAttribute(name, value))
  }
  prototype.setAttributeNS = function (space, name, value) {
    return setNs.call(this, space, name, mapAttribute(name, value))
  }
  /** What came in as text of HTML, at the last moment. */
  return function fix(element, name) {
    var value = element && element.getAttribute && element.getAttribute(name)
    var mapped = value === null || value === undefined ? value : publicAddress(value)
    if (mapped !== value) set.call(element, name, mapped)
  }
}

function wrapElements() {
  var properties =
    'Anchor.href Area.href Base.href Link.href Script.src Image.src Source.src Media.src Track.src Embed.src ' +
    'IFrame.src Frame.src Input.src Input.formAction Button.formAction Form.action Object.data Video.poster'
  each(properties.split(' '), function (entry) {
    var pair = entry.split('.')
    wrapProperty(window['HTML' + pair[0] + 'Element'], pair[1], publicAddress)
  })
  wrapProperty(window.HTMLImageElement, 'srcset', publicSet)
  wrapProperty(window.HTMLSourceElement, 'srcset', publicSet)
}

function followClicks(fix) {
  function onClick(event) {
    var element = event.target
    var link = element && element.closest && element.closest('a[href],area[href]')
    fix(link, 'href')
  }
  window.addEventListener('click', onClick, true)
  window.addEventListener('auxclick', onClick, true)
  window.addEventListener(
    'submit',
    function (event) {
      fix(event.target, 'action')
      fix(event.submitter, 'formaction')
    },
    true,
  )
  var submit = window.HTMLFormElement.prototype.submit
  window.HTMLFormElement.prototype.submit = function () {
    fix(this, 'action')
    return submit.call(this)
  }
}

each('Request WebSocket EventSource Worker SharedWorker Audio'.split(' '), wrapClass)
wrapCall(window, 'fetch', 0)
wrapCall(window, 'open', 0)
wrapCall(window.XMLHttpRequest.prototype, 'open', 1)
wrapCall(window.Navigator.prototype, 'sendBeacon', 0)
wrapCall(window.History.prototype, 'pushState', 2)
wrapCall(window.History.prototype, 'replaceState', 2)
wrapElements()
followClicks(wrapAttributes())
