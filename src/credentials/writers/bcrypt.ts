import type { BcryptParameters } from '../algorithms/bcrypt.ts';
import { asText } from '../encoding.ts';
import type { HashOf } from '../hash.ts';
import type { Writer } from '../written.ts';
import { bounded, within } from '../written.ts';

type Variant = BcryptParameters['variant'];

function written({ parameters, salt, digest }: HashOf<'bcrypt'>, variant: Variant = parameters.variant) {
  return `$${variant}$${String(parameters.cost).padStart(2, '0')}$${asText(salt)}${asText(digest)}`;
}

/** npm `bcrypt`, which targets on Node use, answers false for `$2y$`; it is computed as `$2b$` is. */
const nodeVariant = (variant: Variant): Variant => (variant === '2y' ? '2b' : variant);

/** The cost that Auth0 reads in `password_hash`; it takes others in `custom_password_hash`. */
const AUTH0_COST = 10;

export const bcryptWriters = {
  bcrypt(hash, accepted) {
    if (hash.algorithm !== 'bcrypt') return undefined;
    return bounded(within(hash.parameters.cost, accepted.cost), written(hash), accepted);
  },
  'bcrypt-auth0'(hash, accepted) {
    if (hash.algorithm !== 'bcrypt') return undefined;
    const { variant, cost } = hash.parameters;
    const value = written(hash, nodeVariant(variant));
    const isNative = cost === AUTH0_COST && variant !== '2y';
    const encoded = isNative
      ? { password_hash: value }
      : { custom_password_hash: { algorithm: 'bcrypt', hash: { value } } };
    return bounded(within(cost, accepted.cost), encoded, accepted);
  },
  'bcrypt-cidaas'(hash, accepted) {
    if (hash.algorithm !== 'bcrypt') return undefined;
    const { variant, cost } = hash.parameters;
    const encoded = { algorithmTypeId: `BCRYPT_${cost}`, passwordHash: written(hash, nodeVariant(variant)) };
    return bounded(within(cost, accepted.cost), encoded, accepted);
  },
} satisfies { [W in 'bcrypt' | 'bcrypt-auth0' | 'bcrypt-cidaas']: Writer<W> };
