/** A process that sends what is due until somebody kills it. */
import type { NoticeWorldOptions } from './notice-world.ts';
import { openNoticeWorld } from './notice-world.ts';

const { names, ...options }: NoticeWorldOptions & { readonly names: readonly string[] } = JSON.parse(
  process.argv[2] ?? '{}',
);
const world = openNoticeWorld(options);
for (const name of names) world.person(name);
await world.round();
await world.close();
