import { expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import { describeError } from '../../src/observability/log.ts';

test('an error of ours is told by its code and private detail', () => {
  const error = new FootbridgeError('legacy_unavailable', {
    detail: 'ECONNREFUSED',
    cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }),
  });
  expect(describeError(error)).toEqual({
    errorCode: 'legacy_unavailable',
    detail: 'ECONNREFUSED',
    cause: 'Error ECONNREFUSED',
  });
});

test('a foreign error is told by its name, code and places, and never by its message', () => {
  const error = Object.assign(new Error('password canary in a message'), { code: '22P05' });
  const told = describeError(error);
  expect(told).toMatchObject({
    name: 'Error',
    errorCode: '22P05',
    where: expect.arrayContaining([expect.stringContaining('log.test.ts')]),
  });
  expect(JSON.stringify(told)).not.toContain('canary');
});
