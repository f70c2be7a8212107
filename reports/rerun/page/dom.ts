/** Elements, made in one line each. Text is text: nothing is ever parsed as markup. */

type Attributes = { readonly [name: string]: string | boolean | undefined };

/** An element with attributes (true: there, without a value) and what is in it. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...content: readonly (Node | string)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  element.append(...content);
  return element;
}

export function button(text: string, press: () => void): HTMLButtonElement {
  const element = make('button', { type: 'button' }, text);
  element.addEventListener('click', press);
  return element;
}

/** Offers bytes or a text as a file to keep. */
export function downloadLink(text: string, name: string, content: string): HTMLAnchorElement {
  return make('a', { href: URL.createObjectURL(new Blob([content], { type: 'application/json' })), download: name }, text);
}
