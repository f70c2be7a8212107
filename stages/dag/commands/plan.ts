import type { Command } from '../command.ts';
const command: Command = { usage: '', details: '', options: {}, positionals: { min: 0, max: 0 }, run: async () => 0 };
export default command;
