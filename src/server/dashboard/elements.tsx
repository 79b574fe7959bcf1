/** The small components of the pages. */
import {jsx, type FC, type PropsWithChildren} from 'hono/jsx';
import type {Tree} from './assets/rows.js';
import type {Look, Tone} from './assets/view.js';

/** Renders trees (assets/rows.js) as elements. */
export const Trees: FC<{of: readonly Tree[]}> = ({of}) => <>{of.map(render)}</>;

function render(tree: Tree | string): ReturnType<typeof jsx> | string {
  return typeof tree === 'string' ? tree : jsx(tree.tag, tree.attrs, ...tree.children.map(render));
}

/** An icon beside a text that says the same; screen readers skip it. */
export const Icon: FC<{name: string}> = ({name}) => <span class="icon" data-icon={name} aria-hidden="true" />;

/** A text that the browser keeps up to date: see textsOf. */
export const Live: FC<{name: string; texts: Readonly<Record<string, string>>; class?: string}> = props => (
  <span data-text={props.name} {...(props.class === undefined ? {} : {class: props.class})}>
    {props.texts[props.name]}
  </span>
);

export const LiveBadge: FC<{name: string; look: Look}> = ({name, look}) => (
  <span class="badge big" data-tone={look.tone} data-look={name}>
    <Icon name={look.icon} />
    <span data-label="">{look.label}</span>
  </span>
);

interface TileProps {
  readonly title: string;
  readonly name: string;
  readonly texts: Readonly<Record<string, string>>;
  readonly tone?: Tone;
}
/** One number that can be read from a distance, and a line that explains it. */
export const Tile: FC<TileProps> = ({title, name, texts, tone = 'plain'}) => (
  <div class="tile" data-tone={tone} data-tile={name}>
    <dt>{title}</dt>
    <dd>
      <Live name={name} texts={texts} class="value" />
      <Live name={`${name}Note`} texts={texts} class="note" />
    </dd>
  </div>
);

export const Panel: FC<
  PropsWithChildren<{id: string; title: string; aside?: unknown; class?: string}>
> = props => (
  <section class={`panel ${props.class ?? ''}`} aria-labelledby={`${props.id}-title`} id={props.id}>
    <header>
      <h2 id={`${props.id}-title`}>{props.title}</h2>
      {props.aside}
    </header>
    {props.children}
  </section>
);

/** A table that scrolls by itself if it is wider or longer than its place, also by keyboard. */
export const Scroll: FC<PropsWithChildren<{label: string; tall?: boolean}>> = ({label, tall, children}) => (
  <div class={tall === true ? 'scroll tall' : 'scroll'} role="group" aria-label={label} tabindex={0}>
    {children}
  </div>
);

export const Head: FC<{columns: readonly (readonly [string, string?])[]}> = ({columns}) => (
  <thead>
    <tr>
      {columns.map(([title, style]) => (
        <th scope="col" class={style ?? ''}>
          {title}
        </th>
      ))}
    </tr>
  </thead>
);

/** The frame of every page: all of its content comes from this server. */
export const Document: FC<
  PropsWithChildren<{title: string; scripts: readonly string[]; styles: readonly string[]; class: string}>
> = props => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{props.title}</title>
      <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
      {props.styles.map(name => (
        <link rel="stylesheet" href={`/assets/${name}`} />
      ))}
      {props.scripts.map(name => (
        <script src={`/assets/${name}`} {...(name === 'uplot.js' ? {defer: true} : {type: 'module'})} />
      ))}
    </head>
    <body class={props.class}>{props.children}</body>
  </html>
);
