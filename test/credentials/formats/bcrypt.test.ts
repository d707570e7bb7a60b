import { bcryptFormats } from '../../../src/credentials/formats/bcrypt.ts';
import { formatContract } from '../format-contract.ts';

formatContract('bcrypt', bcryptFormats);
