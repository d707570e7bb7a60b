/** A worker of the hash pool: takes one job at a time. */
import { parentPort } from 'node:worker_threads';
import { answerTo } from './answering.ts';
import type { HashJob } from './hash-pool.ts';

parentPort?.on('message', async (job: HashJob) => {
  parentPort?.postMessage(await answerTo(job));
});
