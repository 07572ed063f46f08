/** A worker thread and its end, from both sides. What cannot be read was an order or an answer: it ends the thread, so that nobody waits for ever. */
import { parentPort, type Worker } from 'node:worker_threads'

/** @param ended called once: nothing that this thread was asked will be answered any more */
export function onThreadEnd(thread: Worker, ended: (error: Error) => void): void {
  const { promise, resolve } = Promise.withResolvers<Error>()
  thread.on('messageerror', resolve)
  thread.on('error', resolve)
  thread.on('exit', (code) => resolve(new Error(`the thread ended with ${code}`)))
  void promise.then((error) => {
    ended(error)
    void thread.terminate()
  })
}

/** In the thread. Elsewhere nobody orders. */
export function takeOrders<Order>(take: (order: Order) => void): void {
  parentPort?.on('message', take)
  parentPort?.on('messageerror', (error) => {
    throw error
  })
}
