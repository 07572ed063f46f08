/*
 * Path mode: many devices share this origin. Each keeps its cookies and its store under its session's mark, and none
 * gets a service worker. Runs after `addresses.js`, in the same function.
 */
var mark = config.mark
/** No session lasts longer. */
var longestSessionMs = 4 * 3600 * 1000

function startsWith(text, start) {
  return text.slice(0, start.length) === start
}

/** As the gateway writes a device's cookies: under the mark, below the session's path, for this host only. */
function markedCookie(text) {
  var parts = String(text).split(';')
  var kept = [mark + parts[0].replace(/^\s+/, '')]
  each(parts.slice(1), function (part) {
    var attribute = part.replace(/^\s+|\s+$/g, '')
    var path = /^path\s*=\s*(\/.*)$/i.exec(attribute)
    if (path)
      kept.push(
        'Path=' + (startsWith(path[1], config.base + '/') ? path[1] : pagePrefix() + path[1]),
      )
    else if (/^samesite\s*=\s*none$/i.test(attribute) && location.protocol === 'http:')
      kept.push('SameSite=Lax')
    else if (!/^(domain|path)\b/i.test(attribute) && !isIdleSecure(attribute)) kept.push(attribute)
  })
  return kept.join('; ')
}

function isIdleSecure(attribute) {
  return location.protocol === 'http:' && /^secure$/i.test(attribute)
}

function ownCookies(text) {
  var own = []
  each(text.split('; '), function (pair) {
    if (startsWith(pair, mark)) own.push(pair.slice(mark.length))
  })
  return own.join('; ')
}

function wrapCookies() {
  var property = Object.getOwnPropertyDescriptor(window.Document.prototype, 'cookie')
  Object.defineProperty(window.Document.prototype, 'cookie', {
    get: function () {
      return ownCookies(property.get.call(this))
    },
    set: function (text) {
      property.set.call(this, markedCookie(text))
    },
    enumerable: true,
    configurable: true,
  })
  if ('cookieStore' in window) Object.defineProperty(window, 'cookieStore', { value: undefined })
}

/** The store as the page sees it: the keys under the mark, without it. */
function markedStore(native) {
  function keys() {
    var own = []
    for (var i = 0; i < native.length; i += 1) {
      var key = native.key(i)
      if (startsWith(key, mark)) own.push(key.slice(mark.length))
    }
    return own
  }
  return {
    keys: keys,
    getItem: function (key) {
      return native.getItem(mark + key)
    },
    setItem: function (key, value) {
      native.setItem(mark + key, value)
    },
    removeItem: function (key) {
      native.removeItem(mark + key)
    },
    key: function (place) {
      var key = keys()[place]
      return key === undefined ? null : key
    },
    clear: function () {
      each(keys(), function (key) {
        native.removeItem(mark + key)
      })
    },
  }
}

/** `localStorage.x = 1` is `setItem('x', 1)`. */
function storageOf(native) {
  var store = markedStore(native)
  var methods = ' getItem setItem removeItem key clear '
  return new window.Proxy(Object.create(window.Storage.prototype), {
    get: function (_target, name) {
      if (name === 'length') return store.keys().length
      if (typeof name !== 'string') return undefined
      if (methods.indexOf(' ' + name + ' ') >= 0) return store[name]
      var value = store.getItem(name)
      return value === null ? Object.prototype[name] : value
    },
    set: function (_target, name, value) {
      store.setItem(name, value)
      return true
    },
    has: function (_target, name) {
      return store.getItem(name) !== null || name in window.Storage.prototype
    },
    deleteProperty: function (_target, name) {
      store.removeItem(name)
      return true
    },
    ownKeys: function () {
      return store.keys()
    },
    getOwnPropertyDescriptor: function (_target, name) {
      var value = typeof name === 'string' ? store.getItem(name) : null
      if (value === null) return undefined
      return { value: value, writable: true, enumerable: true, configurable: true }
    },
  })
}

function wrapStorage(name) {
  try {
    var native = window[name]
    forgetEnded(native)
    var marked = storageOf(native)
    Object.defineProperty(window, name, {
      get: function () {
        return marked
      },
      enumerable: true,
      configurable: true,
    })
  } catch (_error) {
    // The browser keeps nothing for this page: then there is nothing to keep apart.
  }
}

/** What earlier sessions left goes, so that the origin's store does not fill up. */
function forgetEnded(native) {
  var seen = 'travessia-seen-'
  native.setItem(seen + mark, String(Date.now()))
  var keys = Object.keys(native)
  each(keys, function (key) {
    if (!startsWith(key, seen)) return
    if (Date.now() - Number(native.getItem(key)) < longestSessionMs) return
    each(keys, function (other) {
      if (startsWith(other, key.slice(seen.length))) native.removeItem(other)
    })
    native.removeItem(key)
  })
}

function refuseWorkers() {
  var container = window.ServiceWorkerContainer
  if (!container) return
  container.prototype.register = function () {
    var text = 'no service worker in a shared origin'
    return Promise.reject(new window.DOMException(text, 'SecurityError'))
  }
}

wrapCookies()
wrapStorage('localStorage')
wrapStorage('sessionStorage')
refuseWorkers()
