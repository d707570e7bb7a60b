/** What is read from a session and written into one, apart from where it is stored. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columnOf, secondsIn } from '../../../src/sessions/stored/column-moments.ts';
import { amrOf, authTimeOf } from '../../../src/sessions/stored/login-facts.ts';
import { cookieSettings, setCookie } from '../../../src/sessions/stored/session-cookie.ts';
import { filled, templateSettings } from '../../../src/sessions/stored/session-template.ts';
import { timeZone } from '../../../src/sessions/stored/time-zone.ts';

const NOW = 1_800_000_000;

describe('the moment of a login', () => {
  const at = (value: unknown) => authTimeOf({ auth: { at: value } }, { authTimeField: 'auth.at' }, NOW);

  test.each([
    ['seconds', 1_799_999_000],
    ['seconds as text', '1799999000'],
    ['seconds with a fraction', 1_799_999_000.75],
    ['milliseconds', 1_799_999_000_999],
    ['ISO 8601', '2027-01-15T07:43:20.900Z'],
    ['ISO 8601 with a zone', '2027-01-15T08:43:20+01:00'],
  ])('is read from %s', (_how, value) => {
    expect(at(value)).toBe(1_799_999_000);
  });

  test.each([
    [NOW + 1],
    ['tomorrow'],
    [''],
    [null],
    [undefined],
    [0],
    [-5],
    [{}],
    [[NOW]],
    [true],
    [Number.NaN],
  ])('is not told by %j', (value) => {
    expect(at(value)).toBeUndefined();
  });

  test('is never later than now, whatever the session says', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const seconds = at(value);
        expect(seconds === undefined || (Number.isInteger(seconds) && seconds > 0 && seconds <= NOW)).toBe(
          true,
        );
      }),
    );
  });
});

describe('the way of a login', () => {
  const of = (amr: unknown, factor?: unknown) =>
    amrOf({ amr, factor }, { amrField: 'amr', secondFactorField: 'factor' });

  test('is a list or a text of RFC 8176 values', () => {
    expect(of(['pwd', 'otp', 'pwd'])).toEqual(['pwd', 'otp']);
    expect(of('pwd otp')).toEqual(['pwd', 'otp']);
    expect(of('pwd,otp')).toEqual(['pwd', 'otp']);
  });

  test('is unknown where it cannot be read', () => {
    for (const value of [undefined, null, 7.5, {}, [{}], ['<b>'], 'a'.repeat(40)])
      expect(of(value).filter((one) => one !== '7.5')).toEqual([]);
  });

  test.each([[true], [1], ['yes'], ['otp_totp.totpdevice/1'], ['2027-01-15T08:43:20Z']])(
    'has a second factor where %j says so',
    (value) => {
      expect(of(['pwd'], value)).toEqual(['pwd', 'mfa']);
    },
  );

  test.each([[false], [0], [''], [' '], ['no'], ['0'], [null], [undefined], [{}], [[]], [['otp']]])(
    'has none where %j stands',
    (value) => {
      expect(of(['pwd'], value)).toEqual(['pwd']);
    },
  );

  test('never has more than a few values', () => {
    expect(of(Array.from({ length: 500 }, (_, index) => `m${index}`)).length).toBeLessThanOrEqual(8);
  });
});

describe('what a new session holds', () => {
  const values = {
    sub: 'shop:7',
    legacyId: '7',
    username: 'anna',
    email: undefined,
    authTime: NOW,
    amr: ['pwd', 'otp'],
  };
  const fill = (data: object) => filled(templateSettings.parse(data), values);

  test('is what the operator says, with what is known of the login', () => {
    expect(
      fill({
        'user.id': '{legacyId:number}',
        'user.key': '{legacyId}',
        'user.hello': 'Hello {username} ({sub})',
        at: '{authTime}',
        amr: '{amr}',
        how: 'by {amr}',
        loggedIn: true,
        level: 2,
        nothing: null,
      }),
    ).toEqual({
      user: { id: 7, key: '7', hello: 'Hello anna (shop:7)' },
      at: NOW,
      amr: ['pwd', 'otp'],
      how: 'by pwd otp',
      loggedIn: true,
      level: 2,
      nothing: null,
    });
  });

  test('lacks what is not known', () => {
    expect(fill({ mail: '{email}', note: 'mail: {email}' })).toEqual({ note: 'mail: ' });
  });

  test('is data, whatever the person is called', () => {
    const told = { ...values, username: '{sub} $& {"a":1}' };
    expect(filled(templateSettings.parse({ name: 'I am {username}' }), told)).toEqual({
      name: 'I am {sub} $& {"a":1}',
    });
  });

  test.each([
    [{ a: '{password}' }],
    [{ a: '{}' }],
    [{ a: 'x {legacyId:number}' }],
    [{ 'a b': 'x' }],
    [{ a: ['x'] }],
  ])('cannot be %j', (data) => {
    expect(templateSettings.safeParse(data).success).toBe(false);
  });

  test('never reaches a prototype', () => {
    fill({ '__proto__.polluted': 'yes', 'constructor.prototype.polluted': 'yes' });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('a moment in a column', () => {
  test.each([
    ['2027-01-15 08:00:00.123456', 'timestamp', NOW],
    ['2027-01-15 09:00:00+01', 'timestamp', NOW],
    ['2027-01-15 08:00:00', 'timestamp', NOW],
    ['infinity', 'timestamp', Number.POSITIVE_INFINITY],
    [NOW, 'seconds', NOW],
    [BigInt(NOW), 'seconds', NOW],
    [`${NOW}000`, 'milliseconds', NOW],
    [NOW * 1_000 + 999, 'milliseconds', NOW],
  ] as const)('%s in %s is read', (column, unit, seconds) => {
    expect(secondsIn(column, unit)).toBe(seconds);
  });

  test.each([
    [null, 'timestamp'],
    ['0000-00-00 00:00:00', 'timestamp'],
    ['soon', 'timestamp'],
    [null, 'seconds'],
    ['', 'seconds'],
    ['-1', 'seconds'],
    ['2027-01-15', 'seconds'],
    [{}, 'milliseconds'],
  ] as const)('%s in %s is none', (column, unit) => {
    expect(secondsIn(column, unit)).toBeUndefined();
  });

  test('is read as it was written', () => {
    for (const unit of ['timestamp', 'seconds', 'milliseconds'] as const)
      expect(secondsIn(columnOf(NOW, unit), unit)).toBe(NOW);
  });
});

describe('a moment of the app’s own clock', () => {
  const BERLIN = timeZone('Europe/Berlin');
  const at = (text: string) => Date.parse(text) / 1_000;

  test.each([
    ['2027-01-15 09:00:00', '2027-01-15T08:00:00Z'],
    ['2027-07-15 10:00:00.5', '2027-07-15T08:00:00Z'],
    // Shown twice: the earlier of the two.
    ['2027-10-31 02:30:00', '2027-10-31T00:30:00Z'],
    ['2027-10-31 03:30:00', '2027-10-31T02:30:00Z'],
    ['2027-03-28 01:59:59', '2027-03-28T00:59:59Z'],
    ['2027-03-28 03:00:00', '2027-03-28T01:00:00Z'],
  ])('%s in Berlin is %s', (column, moment) => {
    expect(secondsIn(column, 'timestamp', BERLIN)).toBe(at(moment));
  });

  test('that is never shown is one nearby', () => {
    const moment = secondsIn('2027-03-28 02:30:00', 'timestamp', BERLIN)!;
    expect(Math.abs(moment - at('2027-03-28T01:00:00Z'))).toBeLessThanOrEqual(3_600);
  });

  test('stands for itself where the column says its zone, or has a number', () => {
    expect(secondsIn('2027-01-15 08:00:00+00', 'timestamp', BERLIN)).toBe(NOW);
    expect(secondsIn(NOW, 'seconds', BERLIN)).toBe(NOW);
    expect(secondsIn('infinity', 'timestamp', BERLIN)).toBe(Number.POSITIVE_INFINITY);
  });

  test('is read as it was written, or earlier by the hour that clocks show twice', () => {
    for (const name of ['Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', 'UTC']) {
      const zone = timeZone(name);
      for (let seconds = NOW; seconds < NOW + 366 * 86_400; seconds += 1_799) {
        const read = secondsIn(columnOf(seconds, 'timestamp', zone), 'timestamp', zone)!;
        if (read !== seconds) expect(seconds - read).toBe(3_600);
      }
    }
  });
});

describe('the cookie', () => {
  test('ends with the browser, and scripts cannot read it', () => {
    expect(setCookie('sid=abc', cookieSettings.parse({}))).toBe(
      'sid=abc; Path=/; HttpOnly; Secure; SameSite=Lax',
    );
  });

  test('is as the settings say, and no longer than browsers allow', () => {
    const settings = cookieSettings.parse({ domain: 'example.com', path: '/shop', sameSite: 'None' });
    expect(setCookie('sid=abc', settings, 10 ** 9)).toBe(
      'sid=abc; Domain=example.com; Path=/shop; Max-Age=34560000; HttpOnly; Secure; SameSite=None',
    );
  });

  test.each([
    [{ domain: 'example.com; Secure' }],
    [{ path: '/;x' }],
    [{ name: 'a=b' }],
    [{ name: '__Host-sid', domain: 'example.com' }],
    [{ sameSite: 'None', secure: false }],
  ])('cannot be %j', (settings) => {
    expect(cookieSettings.safeParse(settings).success).toBe(false);
  });
});
