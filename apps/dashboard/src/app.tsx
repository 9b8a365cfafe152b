/** The frame around every view. */
import { lazy, Suspense, useEffect, useState } from 'react';
import { I18nProvider } from 'react-aria-components/I18nProvider';
import { KeyForm } from './key-form.js';
import { usePath } from './router.js';
import { PhoneBar, PhoneTop, SideNavigation } from './shell/navigation.js';
import styles from './shell/shell.module.css';
import { useMedia } from './shell/use-media.js';
import { viewOf } from './shell/views.js';
import { Skeleton } from './ui/layout.js';
import { Toasts } from './ui/toast.js';

const Palette = lazy(() => import('./shell/palette.js'));

export function App() {
  const path = usePath();
  const { title, content } = viewOf(path);
  const isPhone = useMedia('(max-width: 699px)');
  const [isFinding, setFinding] = useState(false);
  useEffect(() => {
    document.title = `${title} – Lowrank`;
  }, [title]);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      setFinding((isOpen) => !isOpen);
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
  const find = () => setFinding(true);
  return (
    // The page is written in English, whatever the browser speaks.
    <I18nProvider locale="en-US">
      <a href="#main" className={styles.skip}>
        Skip to the content
      </a>
      <div className={styles.frame}>
        {isPhone ? <PhoneTop onFind={find} /> : <SideNavigation path={path} onFind={find} />}
        <main id="main" tabIndex={-1} className={styles.main}>
          <KeyForm />
          <Suspense fallback={<Skeleton of="the page" />}>{content}</Suspense>
        </main>
        {/* A new one for every view, so that it is closed there. */}
        {isPhone && <PhoneBar key={path} path={path} />}
      </div>
      <Suspense fallback={null}>{isFinding && <Palette onClose={() => setFinding(false)} />}</Suspense>
      <Toasts />
    </I18nProvider>
  );
}
