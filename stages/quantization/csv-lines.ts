/** CSV as people and programs write it: a comma between fields, quotes around those that need them, any line end. A field ends on its line. */

/** One line's fields; a text says what is wrong with it. */
export function csvFields(line: string): readonly string[] | string {
  const fields: string[] = [];
  for (let at = 0; ; at++) {
    if (line[at] === '"') {
      let value = '';
      for (;;) {
        const quote = line.indexOf('"', at + 1);
        if (quote < 0) return 'has a quoted field that does not end on its line; close it with ", and write a " inside of it twice';
        value += line.slice(at + 1, quote);
        at = quote + 1;
        if (line[at] !== '"') break;
        value += '"';
      }
      if (at < line.length && line[at] !== ',') return 'has text behind a quoted field; write a " inside of one twice';
      fields.push(value);
    } else {
      const comma = line.indexOf(',', at);
      const end = comma < 0 ? line.length : comma;
      const value = line.slice(at, end);
      if (value.includes('"')) return 'has a " inside a field that is not quoted; put the field into quotes, and write the " twice';
      fields.push(value);
      at = end;
    }
    if (at >= line.length) return fields;
  }
}
