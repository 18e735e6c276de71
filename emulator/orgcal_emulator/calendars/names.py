"""Names of the people in synthetic tenants: 64 of each, so that pairs are unique for the first 4,096 people."""

GIVEN_NAMES = (
    *("Ada", "Alan", "Alice", "Amir", "Ana", "Anton", "Aisha", "Bao", "Beatriz", "Bruno", "Carla", "Chen", "Clara"),
    *("Dana", "David", "Diego", "Elena", "Emil", "Emma", "Eva", "Farid", "Fatima", "Felix", "Fiona", "Gita", "Grace"),
    *("Hana", "Hans", "Hugo", "Ines", "Ivan", "Jana", "Jonas", "Jorge", "Julia", "Kai", "Karin", "Kofi", "Laila"),
    *("Lars", "Lea", "Liam", "Lin", "Lucia", "Maja", "Marco", "Mei", "Mia", "Milan", "Nadia", "Nils", "Noor", "Olga"),
    *("Omar", "Paul", "Petra", "Priya", "Rosa", "Sami", "Sara", "Tomas", "Uma", "Yuki", "Zoe"),
)
SURNAMES = (
    *("Abe", "Adler", "Ahmed", "Almeida", "Andersen", "Araya", "Bauer", "Becker", "Bianchi", "Blanc", "Bondar"),
    *("Brandt", "Castro", "Chandra", "Costa", "Dahl", "Diaz", "Dubois", "Eriksen", "Fischer", "Fontana", "Garcia"),
    *("Gruber", "Haas", "Hansen", "Hoang", "Huber", "Ito", "Ivanova", "Jensen", "Kaya", "Keller", "Khan", "Kim"),
    *("Kovacs", "Lang", "Larsen", "Lopez", "Maier", "Mendes", "Meyer", "Moreau", "Mori", "Nagy", "Ndiaye", "Novak"),
    *("Okafor", "Olsen", "Ortega", "Park", "Patel", "Pereira", "Popov", "Rossi", "Sato", "Schmid", "Silva", "Singh"),
    *("Steiner", "Tanaka", "Varga", "Weber", "Yilmaz", "Zhang"),
)
JOB_TITLES = ("Account Manager", "Analyst", "Controller", "Designer", "Engineer", "Lawyer", "Nurse", "Researcher")
OFFICES = ("Bern", "Lisbon", "Nairobi", "Osaka", "Quito", "Tromsø")
