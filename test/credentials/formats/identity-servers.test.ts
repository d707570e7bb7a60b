import { identityServerFormats } from '../../../src/credentials/formats/identity-servers.ts';
import { formatContract } from '../format-contract.ts';

formatContract('identity-servers', identityServerFormats);
