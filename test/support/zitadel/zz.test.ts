import { test } from 'vitest';
import { openZitadel } from './index.ts';
test('x', async () => {
  const zitadel = await openZitadel();
  const call = async (verb: string, path: string, body: object) => (await fetch(zitadel.url + path, { method: verb, headers: { authorization: `Bearer ${zitadel.token}` }, body: JSON.stringify(body) })).text();
  console.log(await call('POST', '/management/v1/actions', { name: 'f', script: 'function f() {}', timeout: '3s' }));
  console.log(await call('POST', '/management/v1/actions/_search', {queries:[{actionNameQuery:{name:'f'}}]}));
  console.log(await call('POST', '/management/v1/actions/_search', {}));
  console.log(await call('POST', '/management/v1/flows/1/trigger/1', {actionIds: []}));
  await zitadel.close();
});
