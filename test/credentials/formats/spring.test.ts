import { springFormats } from '../../../src/credentials/formats/spring.ts';
import { formatContract } from '../format-contract.ts';

formatContract('spring', springFormats);
