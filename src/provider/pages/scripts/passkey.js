// Asks the authenticator to sign, and posts what it says. Bytes travel as base64url.
const form = document.querySelector('form[data-options]');
const button = form.querySelector('button');
const failed = document.querySelector('[data-failed]');

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
const toText = (buffer) =>
  btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(''))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

async function sign() {
  const options = JSON.parse(form.dataset.options);
  const { response, rawId } = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: options.allowCredentials.map((known) => ({ ...known, id: toBytes(known.id) })),
    },
  });
  const fields = {
    credential_id: rawId,
    client_data: response.clientDataJSON,
    authenticator_data: response.authenticatorData,
    signature: response.signature,
    user_handle: response.userHandle ?? new ArrayBuffer(0),
  };
  for (const [name, bytes] of Object.entries(fields)) form.elements[name].value = toText(bytes);
  form.submit();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  failed.hidden = true;
  button.disabled = true;
  sign().catch(() => {
    // Cancelled, timed out, or a key that is not one of these: browsers do not say which.
    failed.hidden = false;
    button.disabled = false;
    // A browser takes the focus off a button that it disables.
    if (document.activeElement === document.body) button.focus();
  });
});

document.querySelector('[data-noscript]').hidden = true;
if (navigator.credentials && window.PublicKeyCredential) {
  button.hidden = false;
  button.focus();
} else {
  document.querySelector('[data-unsupported]').hidden = false;
}
