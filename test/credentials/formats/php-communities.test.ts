import { phpCommunityFormats } from '../../../src/credentials/formats/php-communities.ts';
import { formatContract } from '../format-contract.ts';

formatContract('php-communities', phpCommunityFormats);
