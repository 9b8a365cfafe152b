/** Asks for an API key where the server wants one. */
import { type SubmitEvent, useEffect, useState } from 'react';
import { keepKey, keyWanted } from './api/key.js';

export function KeyForm() {
  const [isWanted, setWanted] = useState(false);
  useEffect(() => {
    const show = () => setWanted(true);
    keyWanted.addEventListener('wanted', show);
    return () => keyWanted.removeEventListener('wanted', show);
  }, []);
  if (!isWanted) return null;
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const key = new FormData(event.currentTarget).get('key');
    keepKey(typeof key === 'string' ? key.trim() : '');
    location.reload();
  };
  return (
    <form onSubmit={submit} className="card">
      <label>
        This server asks for an API key, kept until this tab is closed. <code>lowrank keys create</code> makes
        one.
        <input name="key" type="password" autoComplete="off" required />
      </label>
      <button className="primary">Use this key</button>
    </form>
  );
}
