/** The hub's own pages: plain forms, for a real browser and for one without a screen. */
import type { Organization } from './directory.ts';
import type { Reply } from './http.ts';

const escaped = (text: string) =>
  text.replace(
    /[&<>"']/g,
    (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[sign]!,
  );

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;background:#eef2f6;color:#1c2733;margin:0}
main{max-width:26rem;margin:3rem auto;padding:2rem;background:#fff;border-radius:8px}
h1{font-size:1.4rem;margin-top:0}label{display:block;margin:.8rem 0 .2rem}
input:not([type=radio]):not([type=hidden]){width:100%;box-sizing:border-box;padding:.5rem;font:inherit}
button{font:inherit;padding:.6rem 1.2rem;margin:1rem .5rem 0 0}[role=alert]{color:#a30d11}`;

/** `name` says in the page which one it is. */
function page(name: string, title: string, parts: readonly string[], status = 200): Reply {
  return {
    status,
    headers: { 'cache-control': 'no-store', 'referrer-policy': 'strict-origin-when-cross-origin' },
    body: `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)} – Hub</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head>
<body><main data-page="${name}"><h1>${escaped(title)}</h1>
${parts.join('\n')}
</main></body></html>`,
  };
}

const form = (action: string, parts: readonly string[]) =>
  `<form method="post" action="${escaped(action)}">${parts.join('\n')}</form>`;
const input = (label: string, name: string, { value = '', type = 'text' } = {}) =>
  `<label for="${escaped(name)}">${escaped(label)}</label>
<input id="${escaped(name)}" name="${escaped(name)}" type="${type}" value="${escaped(value)}">`;
const button = (label: string, name: string, value: string) =>
  `<button name="${escaped(name)}" value="${escaped(value)}">${escaped(label)}</button>`;
const link = (label: string, to: string) => `<p><a href="${escaped(to)}">${escaped(label)}</a></p>`;
const alert = (text: string | undefined) => (text ? [`<p role="alert">${escaped(text)}</p>`] : []);

export const errorPage = (status: number, sentence: string) =>
  page('error', 'That did not work', [`<p role="alert">${escaped(sentence)}</p>`], status);

interface LoginFields {
  readonly request: string;
  readonly email: string;
  readonly canSignUp: boolean;
  readonly problem?: string;
}

export const loginPage = ({ request, email, canSignUp, problem }: LoginFields) =>
  page(
    'login',
    'Log in',
    [
      ...alert(problem),
      form(`/login?request=${request}`, [
        input('Email', 'email', { value: email, type: 'email' }),
        input('Password', 'password', { type: 'password' }),
        '<button>Log in</button>',
      ]),
      ...(canSignUp ? [link('Create an account', `/signup?request=${request}`)] : []),
    ],
    problem ? 422 : 200,
  );

export interface SignUpFields {
  readonly request: string;
  readonly firstName: string;
  readonly name: string;
  readonly email: string;
  readonly problem?: string;
}

export const signUpPage = ({ request, firstName, name, email, problem }: SignUpFields) =>
  page(
    'signup',
    'Create an account',
    [
      ...alert(problem),
      form(`/signup?request=${request}`, [
        input('First name', 'first_name', { value: firstName }),
        input('Name', 'name', { value: name }),
        input('Email', 'email', { value: email, type: 'email' }),
        input('Password', 'password', { type: 'password' }),
        '<button>Create the account</button>',
      ]),
      link('I have one already', `/login?request=${request}`),
    ],
    problem ? 422 : 200,
  );

interface ConsentFields {
  readonly request: string;
  readonly app: string;
  readonly person: string;
  readonly bearer: string;
  readonly scopes: readonly string[];
}

export const consentPage = ({ request, app, person, bearer, scopes }: ConsentFields) =>
  page('consent', `Let ${app} in?`, [
    `<p>You are logged in as <strong>${escaped(person)}</strong>.</p>`,
    `<p>${escaped(app)} wants to read of ${escaped(bearer)}:</p>`,
    `<ul>${scopes.map((scope) => `<li>${escaped(scope)}</li>`).join('')}</ul>`,
    form(`/consent?request=${request}`, [
      button('Allow', 'decision', 'approve'),
      button('Cancel', 'decision', 'deny'),
    ]),
    form(`/logout?request=${request}`, ['<button>Use another account</button>']),
  ]);

interface ChooserFields {
  readonly request: string;
  readonly organizations: readonly Organization[];
  /** Of a new one. */
  readonly name: string;
  readonly countryCode: string;
  readonly kinds: readonly string[];
}

export const chooserPage = ({ request, organizations, name, countryCode, kinds }: ChooserFields) =>
  page('organizations', 'Choose your organization', [
    ...(organizations.length === 0 ? ['<p>You manage no organization.</p>'] : []),
    ...(organizations.length > 0
      ? [
          form(
            `/organizations/choose?request=${request}`,
            organizations.map((one) => button(one.name, 'organization', one.id)),
          ),
        ]
      : []),
    '<h2>Or create a new one</h2>',
    form(`/organizations/new?request=${request}`, [
      input('Name of the organization', 'name', { value: name }),
      input('Country code', 'country_code', { value: countryCode }),
      ...kinds.map((kind) => `<input type="hidden" name="kinds[]" value="${escaped(kind)}">`),
      '<button>Create the organization</button>',
    ]),
    form(`/consent?request=${request}`, [button('Cancel', 'decision', 'deny')]),
  ]);
