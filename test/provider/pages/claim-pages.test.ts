import { describe, expect, it } from 'vitest';
import { CLAIM_SAMPLES } from '../../../src/provider/pages/claim-samples.ts';
import { LOCALES, openPages, type Page, pagesSettings } from '../../../src/provider/pages/index.ts';
import { claim, confirm, done, form, here, needed, problem, there, unknown } from './claim-fixtures.ts';

const pages = openPages(pagesSettings.parse({ name: 'Shop' }));
const english = (page: Page) => pages.render(page, { locale: 'en' });

/** Buttons and links in the order of the keyboard. */
const offers = (html: string) =>
  [
    ...html.matchAll(
      /<(?:button|a) class="(\w+)"[^>]*?(?:value="([^"]*)"|href="([^"]*)")[^>]*>(.*?)<\/(?:button|a)>/g,
    ),
  ].map(([, look, value, href, text]) => [look, value ?? href, text!.replace(/<\/?bdi>/g, '')]);

describe('the confirmation page', () => {
  const erika = { name: 'Erika', username: 'erika', email: 'erika@example.com' };

  it('has one primary button, the way to another account and the way out, in this order', () => {
    expect(offers(english(confirm))).toEqual([
      ['primary', 'link', 'Link these two accounts'],
      ['secondary', 'other', 'Use another account at Hub'],
      ['quiet', 'cancel', 'Cancel'],
    ]);
  });

  it('links nobody by an Enter that was meant for something else', () => {
    expect(english(confirm)).not.toContain('autofocus');
  });

  it('shows both sides, each under its system, and says what linking means', () => {
    const html = english({
      ...confirm,
      here: { ...here, ...erika },
      there: { ...there, ...erika, name: 'E. M.' },
    });
    expect([...html.matchAll(/<h2>.*?<bdi>(.*?)<\/bdi>/gs)].map(([, system]) => system)).toEqual([
      'Shop',
      'Hub',
    ]);
    expect(html.match(/<section class="identity">/g)).toHaveLength(2);
    for (const text of ['Erika', 'E. M.', 'erika', 'erika@example.com'])
      expect(html).toContain(`<bdi>${text}</bdi>`);
    expect(html).toContain('aria-describedby="meaning note"');
    expect(html).toMatch(
      /id="meaning">Once they are linked, you sign in to <bdi>Shop<\/bdi> with your <bdi>Hub<\/bdi> account/,
    );
  });

  it('leaves out what is not known, and says an address that is the username once', () => {
    expect(english(confirm)).not.toMatch(/<dl>|<dt>|class="who"/);
    const html = english({ ...confirm, here: { ...here, username: 'a@b.example', email: 'a@b.example' } });
    expect(html.match(/a@b\.example/g)).toHaveLength(1);
    expect(html).toContain('<dt>Email</dt>');
  });

  it('says that addresses differ where they do, and only there', () => {
    expect(english({ ...confirm, isEmailDifferent: true })).toContain('The email addresses are different.');
    expect(english(confirm)).not.toContain('different');
    expect(english(confirm)).toContain('only if both accounts are yours');
  });

  it('speaks of organizations where they are what is linked', () => {
    const html = english({
      ...confirm,
      organization: { here: 'Acme GmbH', there: 'ACME' },
      isEmailDifferent: true,
    });
    expect(html).toContain('<h1>Link these two organizations?</h1>');
    expect(html).not.toContain('accounts');
    expect(offers(html)[0]).toEqual(['primary', 'link', 'Link these two organizations']);
  });
});

describe('the first page of a link', () => {
  it('leads on, or says that it is somebody else’s', () => {
    expect(offers(english(claim))).toEqual([
      ['primary', 'continue', 'Continue to Hub'],
      ['secondary', 'not-me', 'This is not me'],
    ]);
  });

  it.each([
    [{}, ['You sign in at Hub', 'You see both sides']],
    [{ needsLogin: true }, ['You sign in at Shop', 'You sign in at Hub', 'You see both sides']],
    [{ needsLogin: true, there }, ['You sign in at Shop', 'You see both sides']],
    [{ organization: 'Acme' }, ['At Hub, you choose the organization', 'You see both sides']],
  ])('with %o says what comes next', (more, steps) => {
    const items = [...english({ ...claim, ...more }).matchAll(/<li>(.*?)<\/li>/g)];
    const texts = items.map(([, text]) => text!.replace(/<\/?bdi>/g, ''));
    expect(texts).toEqual(steps.map((step) => expect.stringMatching(new RegExp(`^${step}`))));
  });

  it('leads to our own login page where that comes first', () => {
    expect(offers(english({ ...claim, needsLogin: true }))[0]).toEqual([
      'primary',
      'continue',
      'Continue to sign in',
    ]);
  });

  it('draws no empty card for somebody who is not known yet', () => {
    expect(english(claim)).not.toContain('class="identity"');
    expect(english({ ...claim, here: { ...here, email: 'e•••a@example.com' } })).toContain(
      'class="identity"',
    );
  });
});

describe('the page after linking', () => {
  const acme = { id: '17', name: 'Acme', state: 'open' } as const;
  const onward = { href: 'https://shop.example/', name: 'Shop' };

  it('tells the result to a screen reader', () => {
    expect(english(done)).toMatch(/<div role="status">\s*<h1>Your accounts are linked<\/h1>/);
  });

  it('makes the next thing to do the primary one', () => {
    expect(offers(english({ ...done, continue: onward }))).toEqual([
      ['primary', 'https://shop.example/', 'Continue to Shop'],
    ]);
    expect(offers(english({ ...done, organizations: [acme], continue: onward }))).toEqual([
      ['primary', '17', 'Link Acme'],
      ['secondary', 'https://shop.example/', 'Continue to Shop'],
    ]);
  });

  it('offers a button for each organization that is open, and says of the others that they are linked', () => {
    const organizations = [
      acme,
      { id: '18', name: 'Museum', state: 'linked' },
      { ...acme, id: '19' },
    ] as const;
    const html = english({ ...done, organizations });
    expect(offers(html).map(([, id]) => id)).toEqual(['17', '19']);
    expect(html).toMatch(/<bdi>Museum<\/bdi> <span>.*linked<\/span>/s);
    expect(english(done)).not.toContain('Your organizations');
  });

  it('speaks of one organization where there is one', () => {
    const alone = english({ ...done, organizations: [acme] });
    expect(alone).toContain('>Your organization</h2>');
    expect(alone).toMatch(/You own it at .*Once it is linked, its members/);
    const both = english({ ...done, organizations: [acme, { ...acme, id: '18' }] });
    expect(both).toContain('>Your organizations</h2>');
    expect(both).toMatch(/You own these at .*Once they are linked, their members/);
  });

  it('has no form where there is nothing to post', () => {
    expect(english(done)).not.toContain('<form');
    const linked = english({ ...done, organizations: [{ ...acme, state: 'linked' }] });
    expect(linked).not.toMatch(/<form|You own/);
  });
});

describe('the page that says why there is no link', () => {
  const problems = Object.values(CLAIM_SAMPLES).flatMap((page) =>
    page.page === 'claim-problem' ? [page] : [],
  );

  it.each(LOCALES)('says it of each problem in its own words in %s', (locale) => {
    const kinds = new Map(
      problems.map((page) => [page.problem, pages.render({ ...problem, problem: page.problem }, { locale })]),
    );
    expect(kinds.size).toBe(20);
    for (const part of [/<h1>(.*?)<\/h1>/, /<p class="lead">(.*?)<\/p>/]) {
      const said = [...kinds.values()].map((html) => part.exec(html)?.[1]);
      expect(new Set(said).size).toBe(20);
      expect(said).not.toContain(undefined);
    }
  });

  it('says the problem once in the title, and as a status', () => {
    const html = english(problem);
    expect(html).toContain('<title>This account is already taken – Shop</title>');
    expect(html).toContain('<div role="status">');
  });

  it('offers each way as a button or, where it has an address, as a link; the first one is primary', () => {
    const ways = [{ way: 'retry' }, { way: 'sign-in', href: '/login' }] as const;
    expect(offers(english({ ...problem, ways }))).toEqual([
      ['primary', 'retry', 'Try again'],
      ['secondary', '/login', 'Sign in'],
    ]);
  });

  it('offers no button where there is nothing to post', () => {
    const { formToken: _, ...bare } = problem;
    const html = english({ ...bare, ways: [{ way: 'retry' }, { way: 'sign-in', href: '/login' }] });
    expect(offers(html)).toEqual([['primary', '/login', 'Sign in']]);
    expect(english({ ...bare, ways: [{ way: 'retry' }] })).not.toContain('<form');
  });

  it('finds words for a target that nobody named', () => {
    const { targetName: _, ...bare } = problem;
    expect(english(bare)).toContain('The account you used at <bdi>the new service</bdi>');
  });
});

describe('the page before the old login ends', () => {
  it('lets people put it off while that is possible', () => {
    expect(offers(english(needed))).toEqual([
      ['primary', 'link', 'Link my account now'],
      ['secondary', 'later', 'Not now'],
    ]);
    expect(offers(english({ ...needed, kind: 'refused' }))).toEqual([
      ['primary', 'link', 'Link my account now'],
    ]);
  });

  it('says the last day, where it is known', () => {
    expect(english({ ...needed, until: '2031-03-31' })).toContain('until March 31, 2031.');
    expect(pages.render({ ...needed, until: '2031-03-31' }, { locale: 'de' })).toContain(
      'Bis zum 31. März 2031',
    );
    for (const until of [undefined, 'soon'])
      expect(english({ ...needed, ...(until ? { until } : {}) })).toContain('for a short time');
  });

  it('says where the link was mailed, if it was', () => {
    expect(english({ ...needed, mailedTo: 'e•••a@example.com' })).toContain('<bdi>e•••a@example.com</bdi>');
    expect(english(needed)).not.toContain('sent the link');
  });
});

describe('the page for somebody whom nobody here knows', () => {
  it('offers to link an account, or only tells', () => {
    expect(offers(english(unknown))).toEqual([
      ['primary', 'link', 'Link my account'],
      ['secondary', '/login/1', 'Back to sign-in'],
    ]);
    const tell = english({ ...unknown, kind: 'tell' });
    expect(offers(tell)).toEqual([['primary', '/login/1', 'Back to sign-in']]);
    expect(tell).not.toContain('<form');
  });
});

describe('the login page', () => {
  it('offers to sign in elsewhere after the form, and before the way out', () => {
    const signInWith = [{ name: 'Hub', href: '/login/1/with/hub' }];
    const html = english({ page: 'login', ...form, signInWith, cancelHref: '/login/1/abort' });
    const order = [
      'type="submit"',
      '</form>',
      '<span>or</span>',
      'href="/login/1/with/hub"',
      '/login/1/abort',
    ];
    const places = order.map((part) => html.indexOf(part));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });

  it('has no divider where there is nothing to divide', () => {
    expect(english({ page: 'login', ...form })).not.toContain('class="or"');
    expect(english({ page: 'login', ...form, signInWith: [] })).not.toContain('class="or"');
  });
});
