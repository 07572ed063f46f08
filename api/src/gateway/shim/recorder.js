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
/** Characters, of up to three bytes each: a message fits whatever they are. */
var maxBatchLength = 330000
/** Bytes of a piece of an event that is longer, and how many of them a page may need at most. */
var maxPieceBytes = 900000
var maxPieces = 16
var maxAddressLength = 65536
/** Bytes that a browser sends of a page that goes away; of more it sends nothing. */
var maxLastBytes = 60000
var fullSnapshot = 2
var send = window.fetch
var encoder = new TextEncoder()
/** As text: an event is measured once. */
var queue = []
/** Messages with pieces of an event; one is sent after the other. */
var pieces = []
var isSendingPieces = false
var cutEvents = 0
/** The timer that ends a pause. */
var pausing
var hasLost = false
var stop
var page = Math.random().toString(36).slice(2)

function end() {
  queue = []
  pieces = []
  if (stop) stop()
  stop = undefined
}

/** The log tells that something is missing. */
function lose(why, isLast) {
  hasLost = false
  post('"lost":"' + why + '"', isLast).catch(function () {})
}

function pause() {
  queue = []
  pieces = []
  clearTimeout(pausing)
  pausing = setTimeout(function () {
    pausing = undefined
    if (stop) record.takeFullSnapshot(true)
  }, pauseMs)
}

/** The node knows nothing of what the network lost. */
function failed() {
  hasLost = true
  pause()
}

function post(content, isLast) {
  return send.call(window, config.base + '/__travessia/dom', {
    method: 'POST',
    body: '{"page":"' + page + '",' + content + '}',
    headers: { 'content-type': 'application/json' },
    keepalive: isLast === true,
  })
}

function answered(response) {
  if (response.status === 429 || response.status >= 500) pause()
  else if (response.status >= 400) end()
  else if (hasLost) lose('unsent')
}

function lengthOf(text) {
  return text.length
}

function bytesOf(text) {
  return encoder.encode(text).length
}

/** The oldest events, as many as fit. */
function take(max, sizeOf) {
  var size = 0
  var count = 0
  while (count < queue.length && size + sizeOf(queue[count]) < max) {
    size += sizeOf(queue[count]) + 1
    count += 1
  }
  return queue.splice(0, count)
}

function flush(isLast) {
  if (!send) return
  var events = isLast ? take(maxLastBytes, bytesOf) : take(maxBatchLength, lengthOf)
  if (events.length > 0) post('"events":[' + events.join(',') + ']', isLast).then(answered, failed)
  if (isLast && (hasLost || queue.length + pieces.length > 0)) lose('unsent', true)
  else if (queue.length > 0 && queue[0].length >= maxBatchLength) cut(queue.shift())
}

/** An event that is too large for one message. */
function cut(text) {
  var parts = split(text)
  if (parts.length > maxPieces) {
    lose('too-large')
    return end()
  }
  parts.forEach(function (part, index) {
    var place = '"event":' + cutEvents + ',"index":' + index + ',"count":' + parts.length
    pieces.push('"piece":{' + place + ',"text":' + part + '}')
  })
  cutEvents += 1
  if (!isSendingPieces) sendPiece()
}

/** Not within an address: the node takes secrets out of each piece. Where there is no quote for long, it is data. */
function placeToCut(text, middle) {
  var quote = text.lastIndexOf('"', middle) + 1
  return middle - quote < maxAddressLength && quote > 0 ? quote : middle
}

function split(text) {
  var part = JSON.stringify(text)
  if (bytesOf(part) <= maxPieceBytes) return [part]
  var half = placeToCut(text, Math.ceil(text.length / 2))
  return split(text.slice(0, half)).concat(split(text.slice(half)))
}

function sendPiece() {
  isSendingPieces = pieces.length > 0
  if (!isSendingPieces) return
  post(pieces.shift()).then(
    function (response) {
      answered(response)
      sendPiece()
    },
    function () {
      failed()
      sendPiece()
    },
  )
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
        if (pausing) return
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
    lose('broken')
    end()
  }
}
