/** The files of the kernels' registers and of all their entries: of a program that computes with whatever it is given. */
import { formats } from './formats.ts';
import { ggufArchitectures } from './gguf/architectures.ts';
import { architectures } from './models.ts';
import { weightFileKinds } from './weight-files.ts';

/** Paths from the project's root. */
export function registerFiles(): { readonly registers: readonly string[]; readonly entries: readonly string[] } {
  return {
    registers: ['kernels/formats.ts', 'kernels/models.ts', 'kernels/weight-files.ts', 'kernels/gguf/architectures.ts'],
    entries: [
      // A project's own formats are in a list of their own.
      'kernels/formats/own.ts', ...formats.map(({ name }) => `kernels/formats/${name}.ts`), ...architectures.map(({ name }) => `kernels/models/${name.replaceAll('_', '-')}.ts`),
      ...weightFileKinds.map(({ name }) => `kernels/weight-files/${name.toLowerCase()}.ts`), ...ggufArchitectures.map(({ name }) => `kernels/gguf/architectures/${name}.ts`),
    ],
  };
}
