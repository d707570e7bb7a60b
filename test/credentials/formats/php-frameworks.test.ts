import { phpFrameworkFormats } from '../../../src/credentials/formats/php-frameworks.ts';
import { formatContract } from '../format-contract.ts';

formatContract('php-frameworks', phpFrameworkFormats);
