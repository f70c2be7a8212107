/** This project's own study, of data/study.yaml. What a pipeline is made of: bitwidth.ts. */
import { bitwidth } from './bitwidth.ts';

export default bitwidth(import.meta.url);
