import { shopFormats } from '../../../src/credentials/formats/shops.ts';
import { formatContract } from '../format-contract.ts';

formatContract('shops', shopFormats);
