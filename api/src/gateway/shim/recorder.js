/*
 * Records what a device's page shows, where its policy says so. After rrweb's `record` in the same function; the page must not
 * notice: whatever goes wrong here ends the recording, not the page.
 */
var flushMs = 2000
var maxQueued = 400
/** What a browser sends of a page that goes away. */
var maxLastLength = 60000
var send = window.fetch
var queue = []
var stop
var page = Math.random().toString(36).slice(2)

function end() {
  queue = []
  if (stop) stop()
  stop = undefined
}

function flush(isLast) {
  if (queue.length === 0 || !send) return
  var body = JSON.stringify({ page: page, events: queue })
  queue = []
  if (isLast && body.length > maxLastLength) return
  send
    .call(window, config.base + '/__travessia/dom', {
      method: 'POST',
      body: body,
      headers: { 'content-type': 'application/json' },
      keepalive: isLast,
    })
    .then(
      function (response) {
        if (response.status >= 400) end()
      },
      function () {},
    )
}

/** A frame of the page is recorded with the page. */
if (window.top === window) {
  try {
    stop = record({
      emit: function (event) {
        queue.push(event)
        if (queue.length >= maxQueued) flush(false)
      },
      maskAllInputs: true,
      slimDOMOptions: 'all',
      sampling: { mousemove: 100, scroll: 150, media: 800, input: 'last' },
      checkoutEveryNms: 120000,
      errorHandler: function () {
        return true
      },
    })
    setInterval(flush, flushMs, false)
    window.addEventListener('pagehide', function () {
      flush(true)
    })
  } catch (_) {
    end()
  }
}
