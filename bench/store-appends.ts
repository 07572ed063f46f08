/** Appends to the log in turns with the same events put into a table of one column, by the same producers in the same batches. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { newId } from '@travessia/schemas/ids'
import { append, event } from '../api/src/store/conformance-events.ts'
import type { Append } from '../api/src/store/event-store.ts'
import { figuresOf, medianOf } from './rows.ts'
import type { Engine } from './store-engines.ts'

const few = 64
const many = 200
const arrivalsEveryMs = 5
const tenants = Array.from({ length: 10 }, newId)
const actor = { type: 'user', id: newId() } as const

type Pace = { readonly rounds: number; readonly ms: number }
type Take = (one: Append) => Promise<unknown>

export async function appends({ store, raw, insertBare }: Engine, { rounds, ms }: Pace) {
  const own: Take = (one) => store.append(one)
  const [ones, fews, raws, bares, ratios, direct]: number[][] = [[], [], [], [], [], []]
  const [mosts, lags]: number[][] = [[], []]
  const texts = Array.from({ length: few }, () => JSON.stringify(append()))
  let acks: number[] = []
  await produce(own, { producers: few, ms })
  await produce((one) => raw.append(one), { producers: few, ms })
  for (let round = 0; round < rounds; round += 1) {
    const alone = (await produce(own, { producers: 1, ms: ms / 2 })).perSecond
    const log = await produce(own, { producers: few, ms })
    const table = await produce((one) => raw.append(one), { producers: few, ms })
    const most = await delayed(() => produce(own, { producers: many, ms: ms / 2 }))
    mosts?.push(most.perSecond)
    lags?.push(most.lagP99Ms)
    bares?.push(await inserted(() => insertBare(texts), ms / 2))
    acks = acks.concat(log.acks)
    ones?.push(alone)
    fews?.push(log.perSecond)
    raws?.push(table.perSecond)
    ratios?.push(log.perSecond / table.perSecond)
    direct?.push(log.perSecond / alone)
  }
  const perSecond = medianOf(mosts ?? [])
  const { p50, p99 } = figuresOf(acks)
  return {
    OneProducerPerSecond: medianOf(ones ?? []),
    ManyProducersPerSecond: medianOf(fews ?? []),
    RawPerSecond: medianOf(raws ?? []),
    OfRaw: medianOf(ratios ?? []),
    BareLoopPerSecond: medianOf(bares ?? []),
    OfDirect: medianOf(direct ?? []),
    AckP50Ms: p50,
    AckP99Ms: p99,
    HalfLoadAckP99Ms: figuresOf(await arrive(own, { perSecond: perSecond / 2, ms })).p99,
    MostProducersPerSecond: perSecond,
    LoopLagP99Ms: medianOf(lags ?? []),
  }
}

async function delayed<T>(work: () => Promise<T>): Promise<T & { lagP99Ms: number }> {
  const lag = monitorEventLoopDelay({ resolution: 5 })
  lag.enable()
  const done = await work()
  lag.disable()
  return { ...done, lagP99Ms: lag.percentile(99) / 1e6 }
}

/** Each producer waits for its answer before it appends again: to a stream of its own, that of one of ten tenants. */
async function produce(take: Take, { producers, ms }: { producers: number; ms: number }) {
  const acks: number[] = []
  const begun = performance.now()
  const produceOne = async (_: unknown, producer: number) => {
    const place = placeOf(producer)
    while (performance.now() - begun < ms) {
      const one = appendTo(place)
      const asked = performance.now()
      await take(one)
      acks.push(performance.now() - asked)
    }
  }
  await Promise.all(Array.from({ length: producers }, produceOne))
  return { acks, perSecond: (acks.length * 1000) / (performance.now() - begun) }
}

/** So many a second, whether or not others were answered. @returns how long each waited */
async function arrive(take: Take, { perSecond, ms }: { perSecond: number; ms: number }) {
  const places = Array.from({ length: few }, (_, producer) => placeOf(producer))
  const acks: Array<Promise<number>> = []
  const begun = performance.now()
  const ask = async (place: Place) => {
    const asked = performance.now()
    await take(appendTo(place))
    return performance.now() - asked
  }
  for (let now = begun; now - begun < ms; now = performance.now()) {
    const due = ((now - begun) * perSecond) / 1000
    while (acks.length < due) acks.push(ask(places[acks.length % few] as Place))
    await new Promise((resolve) => setTimeout(resolve, arrivalsEveryMs))
  }
  return Promise.all(acks)
}

type Place = { readonly tenantId: string; readonly streamId: string }

function placeOf(producer: number): Place {
  return { tenantId: tenants[producer % tenants.length] ?? '', streamId: newId() }
}

function appendTo(place: Place): Append {
  return append({ ...place, events: [event({ actor, deviceId: place.streamId })] })
}

async function inserted(insertBare: () => Promise<void>, ms: number): Promise<number> {
  const begun = performance.now()
  let count = 0
  for (; performance.now() - begun < ms; count += few) await insertBare()
  return (count * 1000) / (performance.now() - begun)
}
