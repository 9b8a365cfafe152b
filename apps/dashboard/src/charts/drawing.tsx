import type { ReactNode, SVGProps } from 'react';

interface DrawingProps extends Omit<SVGProps<SVGSVGElement>, 'role'> {
  /** What it shows, for people who do not see it. */
  readonly label: string;
  readonly children: ReactNode;
}

/** A picture made of shapes. */
export function Drawing({ label, children, ...rest }: DrawingProps) {
  return (
    // An img element cannot hold the shapes, whose colours come from the page's style sheet.
    // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role
    <svg role="img" aria-label={label} {...rest}>
      {children}
    </svg>
  );
}
