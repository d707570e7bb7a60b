import { describe, expect, test } from 'vitest';
import { processStates } from '../../../src/targets/cidaas/process-states.ts';

const A = '753487e7-10bc-4e69-b3b2-4da33721ea3e';
const B = '0c1f0e9a-2222-4333-8444-0123456789ab';
const sent = (...names: string[]) =>
  names.map((name) => ({ email: `${name}@example.com`, values: ['Müller'] }));
const row = (name: string | undefined, sub: string, state = 'CREATED') => ({
  ...(name !== undefined && { identifier: { email: `${name}@example.com` } }),
  sub,
  state,
});

describe('a row', () => {
  test('belongs to the address that it names, in any order and in any letters', () => {
    const rows = [row('b', B), row('A', A)];
    expect(processStates({ process_states: rows }, sent('a', 'b'))).toEqual([
      { kind: 'created', sub: A },
      { kind: 'created', sub: B },
    ]);
  });

  test('without an address belongs to its place, where as many came back as were sent', () => {
    const rows = [row(undefined, A), row(undefined, B, 'UPDATED')];
    expect(processStates({ process_states: rows }, sent('a', 'b'))).toEqual([
      { kind: 'created', sub: A },
      { kind: 'updated', sub: B },
    ]);
    expect(processStates({ process_states: rows }, sent('a', 'b', 'c'))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('that names another address is nobody’s, whatever its place is', () => {
    expect(processStates({ process_states: [row('z', A)] }, sent('a'))).toEqual([undefined]);
  });

  test('that comes twice for one address says nothing', () => {
    const rows = [row('a', A), row('a', B)];
    expect(processStates({ process_states: rows }, sent('a', 'b'))).toEqual([undefined, undefined]);
  });

  test('with an id that is none made nobody', () => {
    expect(processStates({ process_states: [row('a', '../admin')] }, sent('a'))).toEqual([undefined]);
  });
});

describe('a failed row', () => {
  const failed = (more: object) => {
    const [state] = processStates(
      { process_states: [{ ...row('a', 'ANONYMOUS', 'FAILED'), ...more }] },
      sent('a'),
    );
    return state?.kind === 'failed' ? state.outcome.code : state;
  };

  test.each([
    [{ code: 507, message: 'invalid email passed' }, 'invalid-email'],
    [{ message: '507 invalid email passed' }, 'invalid-email'],
    [{ error: { code: 507 } }, 'invalid-email'],
    [{ message: 'The field city is not enabled' }, 'the-field-city-is-not-enabled'],
    [{ code: 4711 }, '4711'],
    [{}, 'failed'],
  ])('%j is %s', (more, code) => {
    expect(failed(more)).toBe(code);
  });

  test('shows nothing of what was sent', () => {
    const message = 'user a@example.com (+41446681800) called MÜLLER exists';
    expect(failed({ message })).toBe('user-called-exists');
  });
});

test.each([undefined, null, 'done', {}, { process_states: {} }])(
  'an answer of %j says nothing',
  (document) => {
    expect(processStates(document, sent('a'))).toEqual([undefined]);
  },
);
