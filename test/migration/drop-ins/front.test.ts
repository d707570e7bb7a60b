/** The drop-ins behind the real front door, which has rules of its own about statuses, hosts and bodies. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropInSettings } from '../../../src/migration/drop-ins/drop-in-settings.ts';
import { dropInsRoutes } from '../../../src/migration/drop-ins/drop-ins-routes.ts';
import { passwordProof } from '../../../src/provider/password-proof.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { Stage } from '../../provider/harness.ts';
import { ANNA, openStage } from '../../provider/harness.ts';
import { UNPLANNED } from '../../support/unplanned.ts';
import { BEARER } from './stage.ts';

const targets = openTargets(
  targetSettings.parse([
    { name: 'main', kind: 'generic', displayName: 'The new one', loginUrl: 'https://new.example/' },
  ]),
);

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({
    overrides: (parts) => ({
      routers: () => [
        dropInsRoutes({
          ...parts,
          routing: UNPLANNED,
          targets,
          provePassword: ({ target, ...typed }) => {
            if (!target) throw new Error('not without a target here');
            return passwordProof(parts)({ ...typed, target });
          },
          mover: { requestParts: () => [] },
          pseudonym: (sub) => parts.keyring.mac('audit-subject', sub),
          dropIns: dropInSettings.parse([
            { name: 'ory', kind: 'ory', auth: BEARER, target: 'main' },
            { name: 'fusion', kind: 'fusionauth', auth: BEARER, target: 'main' },
          ]),
          onError: (error) => stage.errors.push(error),
        }),
      ],
    }),
  });
});
afterAll(() => stage.close());

const post = (path: string, body: object) =>
  fetch(stage.issuer + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${BEARER.bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('a right password and a wrong one come through as they are', async () => {
  const right = await post('/hooks/ory/password', { identifier: ANNA.login, password: ANNA.password });
  expect([right.status, await right.json()]).toEqual([200, { status: 'password_match' }]);
  const wrong = await post('/hooks/ory/password', { identifier: ANNA.login, password: 'wrong' });
  expect([wrong.status, await wrong.json()]).toEqual([403, { status: 'password_mismatch' }]);
});

test('a 404 of a contract is its own, and no page for people', async () => {
  const answer = await post('/drop-ins/fusionauth/fusion/login', { loginId: 'nobody', password: 'x' });
  expect([answer.status, await answer.text()]).toEqual([404, '{}']);
});

test('without our database there is neither a yes nor a no', async () => {
  stage.storageUp = false;
  const answer = await post('/hooks/ory/password', { identifier: ANNA.login, password: ANNA.password });
  expect(answer.status).toBe(503);
  stage.storageUp = true;
});
