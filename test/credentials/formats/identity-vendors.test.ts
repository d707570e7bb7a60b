import { identityVendorFormats } from '../../../src/credentials/formats/identity-vendors.ts';
import { formatContract } from '../format-contract.ts';

formatContract('identity-vendors', identityVendorFormats);
