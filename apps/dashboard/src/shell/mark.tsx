/** The mark: a tall factor and a wide one, which make an L, and what they come to when they are multiplied. */
export function Mark({ size = 28 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <g fill="var(--on-accent)">
        <rect x="7" y="6" width="6" height="13" rx="2" />
        <rect x="7" y="20.5" width="18" height="6" rx="2" />
        <rect x="14.5" y="6" width="10.5" height="13" rx="2" opacity="0.38" />
      </g>
    </svg>
  );
}
