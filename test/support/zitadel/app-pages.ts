/** The pages of the login for applications: plain forms, for a real browser and for one without a screen. */

const escaped = (text: string) =>
  text.replace(
    /[&<>"']/g,
    (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[sign]!,
  );

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;background:#f3f4f8;color:#20222e;margin:0}
main{max-width:24rem;margin:3rem auto;padding:2rem;background:#fff;border-radius:8px}
h1{font-size:1.4rem;margin-top:0}label{display:block;margin:.8rem 0 .2rem}
input{width:100%;box-sizing:border-box;padding:.5rem;font:inherit}
button{font:inherit;padding:.6rem 1.2rem;margin:1rem .5rem 0 0}[role=alert]{color:#a30d11}`;

export interface Shown {
  readonly status: number;
  readonly html: string;
}

export interface Field {
  readonly label: string;
  readonly name: string;
  readonly value?: string;
  readonly type?: 'text' | 'password' | 'email';
}

export interface Button {
  readonly label: string;
  readonly name: string;
  readonly value: string;
}

interface Page {
  /** Says in the page which one it is. */
  readonly name: 'login' | 'code' | 'accounts' | 'register' | 'error';
  readonly title: string;
  /** BCP 47, of the texts: the stand-in has English only, and says what was asked for. */
  readonly uiLocales?: string | undefined;
  readonly problem?: string | undefined;
  readonly fields?: readonly Field[];
  /** The first is what Enter presses. */
  readonly buttons?: readonly Button[];
  readonly status?: number;
}

/** The form goes to the address that it was shown at. */
export function shownPage({ name, title, uiLocales = '', problem, fields, buttons, status }: Page): Shown {
  const form = [...(fields ?? []).map(inputOf), ...(buttons ?? []).map(buttonOf)];
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)} – ZITADEL</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${STYLE}</style></head>
<body><main data-page="${name}" data-ui-locales="${escaped(uiLocales)}"><h1>${escaped(title)}</h1>
${problem ? `<p role="alert">${escaped(problem)}</p>` : ''}
${form.length > 0 ? `<form method="post">\n${form.join('\n')}\n</form>` : ''}
</main></body></html>`;
  return { status: status ?? 200, html };
}

const inputOf = ({ label, name, value = '', type = 'text' }: Field) =>
  `<label for="${name}">${escaped(label)}</label>
<input id="${name}" name="${name}" type="${type}" value="${escaped(value)}">`;
const buttonOf = ({ label, name, value }: Button) =>
  `<button name="${name}" value="${escaped(value)}">${escaped(label)}</button>`;
