/*
 * Records what a device's page shows, where its policy says so. After rrweb's `record` in the same function; the page must not
 * notice: whatever goes wrong here ends the recording, not the page.
 */
var flushMs = 2000
/** The first picture is sent at once: a page may go away, and its clock is told by the least delay. */
var firstMs = 50
/** After a refusal that passes, or a broken line; then the page is described anew. */
var pauseMs = 10000
var maxQueued = 400
var maxBatchLength = 900000
/** What a browser sends of a page that goes away. */
var maxLastLength = 60000
var fullSnapshot = 2
var send = window.fetch
/** As text: an event is measured once. */
var queue = []
var isPaused = false
var stop
var page = Math.random().toString(36).slice(2)

function end() {
  queue = []
  if (stop) stop()
  stop = undefined
}

function pause() {
  queue = []
  isPaused = true
  setTimeout(function () {
    isPaused = false
    if (stop) record.takeFullSnapshot(true)
  }, pauseMs)
}

/** The oldest events, as many as fit. */
function take(maxLength, least) {
  var length = 0
  var count = 0
  while (count < queue.length && (count < least || length + queue[count].length < maxLength)) {
    length += queue[count].length + 1
    count += 1
  }
  return queue.splice(0, count)
}

function flush(isLast) {
  var events = send ? take(isLast ? maxLastLength : maxBatchLength, isLast ? 0 : 1) : []
  if (events.length === 0) return
  send
    .call(window, config.base + '/__travessia/dom', {
      method: 'POST',
      body: '{"page":"' + page + '","events":[' + events.join(',') + ']}',
      headers: { 'content-type': 'application/json' },
      keepalive: isLast,
    })
    .then(function (response) {
      if (response.status === 429 || response.status >= 500) pause()
      else if (response.status >= 400) end()
    }, pause)
}

/** Neither what is typed nor how long it is. */
function mask(text) {
  return /\S/.test(text) ? '••••••' : text
}

/** What is typed; not what is chosen from a list. */
var typed =
  'date datetime-local email file hidden month number password search tel text textarea time url week'
var masked = {}
typed.split(' ').forEach(function (kind) {
  masked[kind] = true
})

/** A frame of the page is recorded with the page. */
if (window.top === window) {
  try {
    stop = record({
      emit: function (event) {
        if (isPaused) return
        queue.push(JSON.stringify(event))
        if (queue.length >= maxQueued) flush(false)
        else if (event.type === fullSnapshot) setTimeout(flush, firstMs, false)
      },
      maskInputOptions: masked,
      maskInputFn: mask,
      maskTextSelector: 'textarea, [contenteditable]',
      maskTextFn: mask,
      // A page with an endless picture is never loaded.
      recordAfter: 'DOMContentLoaded',
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
