/**
 * What is kept in NATS. Four streams: `sync` has what was heard and nobody has settled (a work queue: what is acknowledged is
 * gone); `sync-kept` who waits for another try or is dead; `sync-heard` what was heard, for as long as it may be asked for again;
 * `sync-nodes` and `sync-owners` which node has which partition.
 */
import { createHash } from 'node:crypto';
import { FootbridgeError } from '../../errors.ts';
import type { Lane } from './change-queue.ts';
import type { Nats, NatsSettings } from './nats-connection.ts';
import { codeOf } from './nats-connection.ts';

const MILLION = 1_000_000;
const nanos = (ms: number) => ms * MILLION;
/** The same change is known as the same for so long. Longer, and the server's memory of it grows. */
const DUPLICATES_MS = 2 * 3_600_000;
/** People who wait for another try or are dead, at most: each takes some 200 bytes of memory at its node. */
const KEPT_PEOPLE = 500_000;
/** Of what may wait. NATS sets all of it aside when a stream is made. */
const KEPT_SHARE = 0.25;
const HEARD_SHARE = 0.5;

export interface StreamOptions {
  /** Of what waits; more is refused. */
  readonly maxBytes: number;
  /** How long a node that is silent counts as there. */
  readonly nodeMs: number;
  readonly keepDays: number;
}

/** Streams and subjects, all below the prefix. */
export function namesOf({ prefix, partitions }: Pick<NatsSettings, 'prefix' | 'partitions'>) {
  return {
    changes: `${prefix}-sync`,
    kept: `${prefix}-sync-kept`,
    heard: `${prefix}-sync-heard`,
    nodes: `${prefix}-sync-nodes`,
    owners: `${prefix}-sync-owners`,
    partitionOf: (key: string) => Buffer.from(key, 'base64url').readUInt32BE(0) % partitions,
    anyChange: `${prefix}.sync.*.*.*`,
    changeSubject: (target: string, lane: Lane, partition: number | '*') =>
      `${prefix}.sync.${token(target)}.${lane}.${partition}`,
    keptSubject: (at: KeptPlace) =>
      `${prefix}.sync-kept.${at.target === undefined ? '*' : token(at.target)}.${at.lane ?? '*'}.${at.partition ?? '*'}.${at.key ?? '*'}`,
    heardSubject: `${prefix}.sync-heard`,
    nodeSubject: (node: string) => `${prefix}.sync-nodes.${node}`,
    ownerSubject: (partition: number | '*') => `${prefix}.sync-owners.${partition}`,
  };
}
export type Names = ReturnType<typeof namesOf>;

/** What is missing stands for any. */
interface KeptPlace {
  readonly target?: string | undefined;
  readonly lane?: Lane | 'dead';
  readonly partition?: number;
  readonly key?: string;
}

/** A part of a subject (Subject-Based Messaging in NATS' documentation: no dot, wildcard or space). */
const token = (name: string) =>
  /^[A-Za-z0-9_-]+$/.test(name) ? name : `=${Buffer.from(name).toString('base64url')}`;

/** A person at a target, as subjects and memory have them. 128 bits: nobody meets anybody else. */
export const keyOf = (target: string, person: string): string =>
  createHash('sha256').update(`${target}\0${person}`).digest().subarray(0, 16).toString('base64url');

/** JetStream's words (server/errors.json of nats-server) for a stream that there is not, and for a name that is taken. */
const NO_STREAM = 10_059;
const NAME_TAKEN = 10_058;

/** Makes what is missing. Throws config_invalid where something waits that was put with other partitions. */
export async function prepareStreams(
  nats: Nats,
  settings: NatsSettings,
  options: StreamOptions,
): Promise<void> {
  const { jsm } = nats;
  const names = namesOf(settings);
  const description = `footbridge: ${settings.partitions} partitions`;
  const waiting = await infoOf(nats, names.changes);
  const kept = await infoOf(nats, names.kept);
  if (waiting && waiting.config.description !== description) {
    if (waiting.state.messages > 0 || (kept?.state.messages ?? 0) > 0)
      throw new FootbridgeError('config_invalid', {
        detail: `sync.queue: what waits in ${names.changes} was put with "${waiting.config.description}"`,
      });
    await jsm.streams.update(names.changes, { ...waiting.config, description });
  }
  for (const stream of streamsOf(nats, settings, { ...options, description }))
    if (!(await infoOf(nats, stream.name))) await jsm.streams.add(stream).catch(unlessTaken);
}

const infoOf = ({ jsm }: Nats, name: string) =>
  jsm.streams.info(name).catch((error) => {
    if (codeOf(error) === NO_STREAM) return undefined;
    throw error;
  });

/** Another node was quicker. */
function unlessTaken(error: unknown): void {
  if (codeOf(error) !== NAME_TAKEN) throw error;
}

function streamsOf(
  { driver }: Nats,
  settings: NatsSettings,
  { maxBytes, nodeMs, keepDays, description }: StreamOptions & { readonly description: string },
) {
  const names = namesOf(settings);
  const { RetentionPolicy, DiscardPolicy, StorageType } = driver.jetstream;
  const common = {
    storage: StorageType.File,
    num_replicas: settings.replicas,
    discard: DiscardPolicy.New,
    retention: RetentionPolicy.Limits,
  };
  return [
    {
      ...common,
      name: names.changes,
      description,
      subjects: [names.anyChange],
      retention: RetentionPolicy.Workqueue,
      duplicate_window: nanos(DUPLICATES_MS),
      max_bytes: maxBytes,
    },
    {
      ...common,
      name: names.kept,
      subjects: [names.keptSubject({})],
      max_msgs_per_subject: 1,
      max_msgs: KEPT_PEOPLE,
      max_bytes: Math.floor(maxBytes * KEPT_SHARE),
    },
    {
      ...common,
      name: names.heard,
      subjects: [names.heardSubject],
      discard: DiscardPolicy.Old,
      max_age: nanos(keepDays * 86_400_000),
      max_bytes: Math.floor(maxBytes * HEARD_SHARE),
    },
    {
      ...common,
      name: names.nodes,
      subjects: [names.nodeSubject('*')],
      max_msgs_per_subject: 1,
      max_age: nanos(nodeMs),
      duplicate_window: nanos(Math.min(nodeMs, 1_000)),
    },
    { ...common, name: names.owners, subjects: [names.ownerSubject('*')], max_msgs_per_subject: 1 },
  ];
}
