/** A thread that answers a depth with as many lists in one another, and all else with nothing. */
import { parentPort } from 'node:worker_threads'
import { takeOrders } from './thread.ts'

export function nested(depth: number): unknown[] {
  let lists: unknown[] = []
  for (let level = 0; level < depth; level += 1) lists = [lists]
  return lists
}

takeOrders((order) => {
  if (typeof order === 'number') parentPort?.postMessage(nested(order))
})
