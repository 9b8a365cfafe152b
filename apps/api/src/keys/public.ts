import { SetMetadata } from '@nestjs/common';

export const IS_PUBLIC = 'lowrank:public';

/** Routes that need no key. */
export const Public = () => SetMetadata(IS_PUBLIC, true);
