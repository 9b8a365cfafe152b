/** Light or dark, and the documents of the API. */
import { BookOpen, Monitor, Moon, Sun } from 'lucide-react';
import { useState } from 'react';
import { basePath } from '../base-path.js';
import { type Choice, choose, chosen } from '../theme.js';
import { IconButton } from '../ui/button.js';
import { Menu } from '../ui/menu.js';

const choices = [
  ['system', 'As the system', Monitor],
  ['light', 'Light', Sun],
  ['dark', 'Dark', Moon],
] as const;

export function ThemeMenu() {
  const [choice, setChoice] = useState<Choice>(chosen);
  const [, name, icon] = choices.find(([id]) => id === choice)!;
  return (
    <>
      <Menu
        label="Theme"
        entries={choices.map(([id, name, icon]) => ({
          id,
          name,
          icon,
          onAction: () => {
            choose(id);
            setChoice(id);
          },
        }))}
      >
        <IconButton icon={icon} label={`Theme: ${name.toLowerCase()}`} />
      </Menu>
      <IconButton
        icon={BookOpen}
        label="API reference"
        onPress={() => void open(`${basePath}/docs`, '_blank', 'noopener')}
      />
    </>
  );
}
