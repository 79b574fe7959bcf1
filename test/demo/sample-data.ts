/** The LAAS schema of the demo, and its people. */
import type {Connection} from 'mysql2/promise';
import type {Random} from './random.ts';

const SCHEMA = `
CREATE TABLE users (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  first_name VARCHAR(255) NULL,
  last_name VARCHAR(255) NULL,
  email VARCHAR(255) NULL UNIQUE,
  password VARCHAR(255) NULL,
  is_active TINYINT(1) NOT NULL DEFAULT 1,
  created_at TIMESTAMP NULL,
  updated_at TIMESTAMP NULL
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE institutes (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(255) NULL,
  imageUrl VARCHAR(512) NULL,
  created_at TIMESTAMP NULL,
  updated_at TIMESTAMP NULL
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE institute_user (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  institute_id BIGINT UNSIGNED NOT NULL,
  user_id BIGINT UNSIGNED NOT NULL,
  user_type VARCHAR(50) NULL,
  status VARCHAR(50) NULL,
  created_at TIMESTAMP NULL,
  updated_at TIMESTAMP NULL,
  FOREIGN KEY (institute_id) REFERENCES institutes (id) ON DELETE CASCADE ON UPDATE CASCADE,
  FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE
) DEFAULT CHARSET = utf8mb4;
`;

const INSTITUTES = [
  'Northfield Institute of Technology',
  'Instituto Politécnico de Évora',
  'Lycée Émile-Zola',
  '東京工科学院',
  'Київська політехніка',
  'St. Brendan’s College 🍀',
  'Universität am Deich',
  'Kigali School of Design 🎨',
  'Escuela del Mar 🌊',
  'Hôtel-Dieu Nursing School',
  'Open University of the Highlands',
  'Ἀκαδημία',
] as const;

const FIRST_NAMES = [
  'Ada',
  'Zoë',
  'José',
  'Mei',
  'Oluwaseun',
  'Łukasz',
  'Anaïs',
  'Søren',
  'Priya',
  'Наталія',
  '花子',
  'Fatima',
  'Björn',
  'Chidi',
  'Aoife',
  'Noor',
  'Tomás',
  '🌟 Stella',
  'Ravi',
  'Ingrid',
] as const;

const LAST_NAMES = [
  'Lovelace',
  'Müller',
  'García',
  'Nguyễn',
  'Okafor',
  'Kowalski',
  'O’Brien',
  'Østergaard',
  'Sharma',
  'Шевченко',
  '山田',
  'al-Masri',
  'Lindqvist',
  'Eze',
  'Ní Bhriain',
  'Silva 🎓',
] as const;

const ROLES = [
  'student',
  'student',
  'Student ',
  'teacher',
  'INSTRUCTOR',
  'staff',
  'director',
  'admin',
  null,
] as const;

export interface Person {
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  readonly password: string;
}

/** `serial` makes the address unique. */
export function makePerson(random: Random, serial: number): Person {
  return {
    firstName: random.pick(FIRST_NAMES),
    lastName: random.pick(LAST_NAMES),
    email: `person${serial}@example.org`,
    password: `$2b$10$demo${String(serial).padStart(49, 'x')}`,
  };
}

export function makeRole(random: Random): string | null {
  return random.pick(ROLES);
}

/** Creates the tables and fills them; some rows must not, or cannot, be replicated. */
export async function fillSource(connection: Connection, random: Random, users: number): Promise<void> {
  await connection.query(SCHEMA);
  await connection.query('INSERT INTO institutes (name, imageUrl, created_at, updated_at) VALUES ?', [
    INSTITUTES.map((name, index) => [
      name,
      `https://images.example.org/${index + 1}.png`,
      ...someTimes(random),
    ]),
  ]);
  await connection.query('INSERT INTO institutes (name) VALUES (NULL)'); // not eligible
  const people = Array.from({length: users}, (_, index) => makePerson(random, index + 1));
  await connection.query(
    'INSERT INTO users (first_name, last_name, email, password, is_active, created_at, updated_at) VALUES ?',
    [
      people.map(person => [
        person.firstName,
        person.lastName,
        person.email,
        person.password,
        random.chance(0.9) ? 1 : 0,
        ...someTimes(random),
      ]),
    ],
  );
  // Two that become dead letters, and one without an address.
  await connection.query(
    `INSERT INTO users (first_name, last_name, email, password, is_active) VALUES
     ('No', 'At', 'not-an-address', 'secret', 1), ('White', 'Space', 'white space@example.com', 'secret', 1),
     ('Nobody', NULL, NULL, 'secret', 1)`,
  );
  const memberships = people.flatMap((_, index) => {
    const count = 1 + random.below(3);
    return Array.from({length: count}, () => [
      1 + random.below(INSTITUTES.length),
      index + 1,
      makeRole(random),
      random.chance(0.85) ? 'active' : 'inactive',
      ...someTimes(random),
    ]);
  });
  await connection.query(
    'INSERT INTO institute_user (institute_id, user_id, user_type, status, created_at, updated_at) VALUES ?',
    [memberships],
  );
}

/** created_at and updated_at, some of them missing. */
function someTimes(random: Random): [string | null, string | null] {
  const created = new Date(Date.UTC(2024, random.below(12), 1 + random.below(28), random.below(24)));
  const updated = new Date(created.getTime() + random.below(10_000_000) * 1000);
  const text = (date: Date): string => date.toISOString().slice(0, 19).replace('T', ' ');
  return [random.chance(0.95) ? text(created) : null, random.chance(0.9) ? text(updated) : null];
}
