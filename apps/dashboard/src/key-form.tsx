/** Asks for an API key where the server wants one. */
import { KeyRound } from 'lucide-react';
import { type SubmitEvent, useEffect, useState } from 'react';
import { keepKey, keyWanted } from './api/key.js';
import { Button } from './ui/button.js';
import { TextField } from './ui/field.js';
import { Card } from './ui/layout.js';

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
    <Card>
      <form onSubmit={submit}>
        <TextField
          name="key"
          type="password"
          autoComplete="off"
          isRequired
          label="This server asks for an API key"
          hint={
            <>
              It is kept until you close this tab. <code>lowrank keys create</code> makes one.
            </>
          }
        />
        <p />
        <Button type="submit" look="primary" icon={KeyRound}>
          Use this key
        </Button>
      </form>
    </Card>
  );
}
